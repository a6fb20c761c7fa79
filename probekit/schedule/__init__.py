"""A schedule carries out jobs: how many at once, by whom, and what happens meanwhile."""
