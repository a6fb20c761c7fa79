"""Plans turn a request into exact numbers: widths, parameter counts and hashes."""
