"""Runs the command line as `python -m probekit`."""

from probekit.cli import main

main()
