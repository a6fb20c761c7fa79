"""A process is the worker of one run, tied to who started it: it saves and ends when that is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from probekit.catalog.process import environment
from probekit.storage import disk

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SAID = "worker.txt"
"""What a worker says lies in its run's folder, the last of it."""
LAST = 16 << 10
"""Bytes of its end that hold its last line."""
PAUSE = 0.05


def start(command: Sequence[str], folder: Path, threads: int) -> subprocess.Popen[bytes]:
    """Start a worker in a session of its own, so that Ctrl-C reaches it as SIGTERM, once.

    threads: told to the libraries in its environment, as that must be done before they are loaded. Its
    standard input is a pipe of this process, which closes when this process ends, in whatever way.
    """
    env = environment(**dict.fromkeys(THREADS, str(threads)))
    with disk.fresh(folder / SAID) as said:
        return subprocess.Popen(
            [*command, "--tied", str(folder)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


def last_said(folder: Path) -> str:
    """Return the last line that a folder's worker said."""
    lines = disk.tail(folder / SAID, LAST).decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("probekit.work: ") if lines else ""


def ended(worker: subprocess.Popen[bytes]) -> None:
    """Ask a worker to save and end, and wait for it: also within a signal's handler, that may have come while
    `closed` waits for the same worker."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.pid, signal.SIGTERM)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(worker.pid, os.WNOHANG) == (0, 0):
            time.sleep(PAUSE)


def closed(worker: subprocess.Popen[bytes]) -> int:
    """Wait for a worker, close its pipe, and return its exit code."""
    while (code := worker.poll()) is None:
        time.sleep(PAUSE)
    if worker.stdin is not None:
        worker.stdin.close()
    return code
