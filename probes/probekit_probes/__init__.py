"""The built-in probes, each registered as its own plugin."""
