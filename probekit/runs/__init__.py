"""Runs carry out plans: draw data, train, score and store."""
