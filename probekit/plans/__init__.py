"""Plans make what was asked exact: a width, a count, a hash."""
