"""Checks of optimisers."""
