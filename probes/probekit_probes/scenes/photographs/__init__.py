"""Photographs: surfaces that are crops of pictures."""
