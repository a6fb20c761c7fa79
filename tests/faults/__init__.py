"""The faults: what is done to runs, stores and texts, so that nothing wrong is ever accepted."""
