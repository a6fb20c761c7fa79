"""Observers of runs: opened by name, and told of a run by copies."""
