"""Scores are what is found of a trained network: numbers an item, what is measured, pictures."""
