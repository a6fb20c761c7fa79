"""The built-in probes, each a plugin of its own."""
