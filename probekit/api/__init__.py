"""The functions that `import probekit` offers, each a thin one over the rooms below."""
