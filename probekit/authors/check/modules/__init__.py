"""Checks of layers, encodings and structures."""
