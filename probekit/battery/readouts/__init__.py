"""Readouts answer each item from a few numbers of the whole item, and compare no part with another."""
