"""Runs the command line, as `probekit` and as `python -m probekit`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit with 130 on Ctrl-C even while modules are being imported."""
    try:
        from probekit.catalog.process import ending

        with ending():
            _run_command()
    except KeyboardInterrupt:
        print("probekit: stopped.", file=sys.stderr)
        sys.exit(130)


def _run_command() -> None:
    try:
        from probekit.catalog.guest import put_standard_library_first

        put_standard_library_first()
        from probekit.cli import main as run_cli

        run_cli()
    except SystemExit:
        raise
    except BaseException as error:
        from probekit.stop import behind

        if (interrupt := behind(error)) is None:
            raise
        print("probekit: stopped.", file=sys.stderr)
        sys.exit(getattr(interrupt, "code", 130))


if __name__ == "__main__":
    main()
