"""Authors of plugins find here what holds a component to its promises, and what writes a new package."""
