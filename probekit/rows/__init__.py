"""Runs as rows without their weights, and the survey of layers that is made of them."""
