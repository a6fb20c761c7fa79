"""Checks of what extends a probe: metrics, scales and controls."""
