"""Storage keeps runs on disk: what was asked, how far it came, what was found."""
