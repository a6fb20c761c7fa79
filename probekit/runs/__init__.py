"""Runs carry out plans: data are drawn, networks trained, scored, measured and drawn."""
