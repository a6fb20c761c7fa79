"""A worker carries out one run and exits with its status: `python -m probekit.work FOLDER`."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probekit.catalog.registry import Registry
    from probekit.storage.folder import Folder
    from probekit.storage.result import Result

LOCK_WAIT = 2.0
"""Seconds to wait for a living process that may only read the run."""


def stop_when_orphaned() -> None:
    """Wait until the parent process is gone, then stop this process, which saves a checkpoint."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def judge_lazily(components: Registry, result: Result, folder: Folder) -> str | None:
    """Return the verdict on a run; what judges it is imported only if an observer asks."""
    from probekit.cards.judge import judge_run

    return judge_run(components, result, folder)


def run_worker() -> int:
    """Carry out the run.

    Returns:
        0 if the run is done, 75 if it was stopped and saved a checkpoint, 1 if it failed.
    """
    parser = argparse.ArgumentParser(prog="python -m probekit.work", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the run, with its spec.json")
    parser.add_argument("--device", help="cpu, cuda or mps")
    parser.add_argument("--timeout", type=float, help="seconds after which the run fails")
    parser.add_argument("--threads", type=int, help="of the run; one, unless OMP_NUM_THREADS says more")
    parser.add_argument("--observe", action="append", default=[], help="an observer of the run; repeatable")
    parser.add_argument("--tied", action="store_true", help="save and exit once standard input is closed")
    parser.add_argument("--allow-code", action="store_true", help="run the Python files that the run names")
    args = parser.parse_args()

    from probekit.catalog.plugin_code import put_standard_library_first

    put_standard_library_first()
    from probekit.catalog.denormals import start_torch_threads
    from probekit.catalog.registry import registry
    from probekit.plugin.errors import ProbekitError
    from probekit.plugin.executor import DONE, FAILED
    from probekit.plugin.stop import REQUEUE, find_interrupt, stop
    from probekit.runs.observers.attach import attach_observers
    from probekit.runs.work import run_folder
    from probekit.schedule.cores import default_threads
    from probekit.storage.lock import SETTLED, RunLocked

    if args.tied:
        threading.Thread(target=stop_when_orphaned, daemon=True).start()
    options = args.device, args.timeout, args.allow_code
    components = registry()
    components.judge = lambda result, folder: judge_lazily(components, result, folder)
    try:
        with stop.handle_signals(), attach_observers(args.observe, components):
            start_torch_threads(args.threads or default_threads())
            try:
                result = run_folder(args.folder.absolute(), components, *options)
            except RunLocked as claim:  # another process may only be reading the run, or may be dead
                patience = LOCK_WAIT if claim.is_alive else SETTLED
                result = run_folder(args.folder.absolute(), components, *options, patience)
    except RunLocked as error:
        print(f"probekit.work: {error}", file=sys.stderr)
        return REQUEUE
    except BaseException as error:
        if (interrupt := find_interrupt(error)) is not None:
            print(f"probekit.work: it was stopped by {interrupt or 'Ctrl-C'}.", file=sys.stderr)
            return REQUEUE
        if not isinstance(error, ProbekitError):
            raise
        print(f"probekit.work: {' '.join(str(error).split())}", file=sys.stderr)
        return error.exit_code
    for complaint in components.complaints:
        print(f"probekit.work: {complaint}", file=sys.stderr)
    if result.status == "failed":
        print(f"probekit.work: {result.error}", file=sys.stderr)
    return DONE if result.status == "done" else FAILED


if __name__ == "__main__":
    from probekit.catalog.process import exit_promptly, restart_with_fixed_hashes

    restart_with_fixed_hashes()
    with exit_promptly():
        sys.exit(run_worker())
