"""Runs the command line, as `probekit` and as `python -m probekit`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit with 130 on Ctrl-C even while modules are being imported."""
    try:
        from probekit.catalog.process import exit_promptly

        with exit_promptly():
            _run_command()
    except KeyboardInterrupt:
        print("probekit: stopped.", file=sys.stderr)
        sys.exit(130)


def _run_command() -> None:
    try:
        from probekit.catalog.plugin_code import put_standard_library_first

        put_standard_library_first()
        from probekit.cli import main as run_cli

        run_cli()
    except SystemExit:
        raise
    except BaseException as error:
        from probekit.plugin.stop import find_interrupt

        if (interrupt := find_interrupt(error)) is None:
            raise
        print("probekit: stopped.", file=sys.stderr)
        sys.exit(getattr(interrupt, "code", 130))


if __name__ == "__main__":
    main()
