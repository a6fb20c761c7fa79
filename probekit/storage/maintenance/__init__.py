"""Maintenance keeps a store whole: verify, merge and remove garbage."""
