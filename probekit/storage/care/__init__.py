"""Care for a store: its files are verified, other stores merged into it, and what is left over removed."""
