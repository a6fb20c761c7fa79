"""Scores of a trained network: numbers per item, measured properties and pictures."""
