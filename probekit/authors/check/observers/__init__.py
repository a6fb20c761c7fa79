"""Checks of observers."""
