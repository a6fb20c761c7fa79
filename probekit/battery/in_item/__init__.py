"""Solvers that learn inside each item, from the answers that it shows."""
