"""Runs the command line, as `probekit` and as `python -m probekit`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run it; Ctrl-C while it is still being imported ends with 130 as well."""
    try:
        from probekit.catalog.process import ending

        with ending():
            _run()
    except KeyboardInterrupt:
        print("probekit: stopped.", file=sys.stderr)
        sys.exit(130)


def _run() -> None:
    try:
        from probekit.catalog.guest import put_standard_library_first

        put_standard_library_first()
        from probekit.cli import main as run

        run()
    except SystemExit:
        raise
    except BaseException as error:
        from probekit.stop import behind

        if (stopped := behind(error)) is None:
            raise
        print("probekit: stopped.", file=sys.stderr)
        sys.exit(getattr(stopped, "code", 130))


if __name__ == "__main__":
    main()
