"""The functions of `import probekit`, each a thin wrapper."""
