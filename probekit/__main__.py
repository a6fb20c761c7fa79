"""Runs the command line, as `probekit` and as `python -m probekit`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run it; Ctrl-C while it is still being imported ends with 130 as well."""
    try:
        from probekit.cli import main as run

        run()
    except KeyboardInterrupt as error:
        print("probekit: stopped.", file=sys.stderr)
        sys.exit(getattr(error, "code", 130))


if __name__ == "__main__":
    main()
