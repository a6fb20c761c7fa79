"""Storage keeps runs on disk: plan, progress and result."""
