"""A worker carries out one run: `python -m probekit.work FOLDER`; its exit code says what came of it."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

GLANCE = 2.0
"""Seconds to wait for a process that is sure to live, and may only look."""


def tied() -> None:
    """Wait until who started this process is gone, then ask it to save and end."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Return 0 where the run is done, 75 where it was stopped and saved a checkpoint, 1 where it failed."""
    parser = argparse.ArgumentParser(prog="python -m probekit.work", description=__doc__)
    parser.add_argument("folder", type=Path, help="a run's, which holds its spec.json")
    parser.add_argument("--device", help="cpu, cuda or mps")
    parser.add_argument("--timeout", type=float, help="seconds after which the run fails")
    parser.add_argument("--threads", type=int, help="of the run; one, unless OMP_NUM_THREADS says more")
    parser.add_argument("--tied", action="store_true", help="save and end once standard input is closed")
    parser.add_argument("--allow-code", action="store_true", help="run the Python files that it names")
    asked = parser.parse_args()

    from probekit.catalog.guest import put_standard_library_first

    put_standard_library_first()
    from probekit.catalog.denormals import start_threads
    from probekit.catalog.registry import registry
    from probekit.errors import ProbekitError
    from probekit.executor import DONE, FAILED
    from probekit.runs.work import work
    from probekit.schedule.cores import default_threads
    from probekit.stop import REQUEUE, behind, stop
    from probekit.storage.claim import SETTLED, Claimed

    if asked.tied:
        threading.Thread(target=tied, daemon=True).start()
    given = asked.device, asked.timeout, asked.allow_code
    try:
        with stop.heard():
            start_threads(asked.threads or default_threads())
            try:
                found = work(asked.folder.absolute(), registry(), *given)
            except Claimed as claim:  # perhaps by somebody who looked at it for an instant, or is dead
                patience = GLANCE if claim.lives else SETTLED
                found = work(asked.folder.absolute(), registry(), *given, patience)
    except Claimed as error:
        print(f"probekit.work: {error}", file=sys.stderr)
        return REQUEUE
    except BaseException as error:
        if (stopped := behind(error)) is not None:
            print(f"probekit.work: it was stopped by {stopped or 'Ctrl-C'}.", file=sys.stderr)
            return REQUEUE
        if not isinstance(error, ProbekitError):
            raise
        print(f"probekit.work: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    if found.status == "failed":
        print(f"probekit.work: {found.error}", file=sys.stderr)
    return DONE if found.status == "done" else FAILED


if __name__ == "__main__":
    from probekit.catalog.process import ending, restart_with_fixed_hashes

    restart_with_fixed_hashes()
    with ending():
        sys.exit(main())
