"""A worker process carries out one run, and saves and ends when the process that started it is gone."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from probekit.catalog.process import make_child_environment
from probekit.storage import disk

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
OUTPUT = "worker.txt"
"""The file in a run's folder with the last worker's output."""
TAIL_BYTES = 16 << 10
"""Bytes at the end of the output that contain its last line."""
PAUSE = 0.05


def start_worker(
    command: Sequence[str], folder: Path, threads: int, gpu: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a worker in its own session, so that Ctrl-C reaches it as SIGTERM, once.

    Its standard input is a pipe of this process, which closes when this process ends, in whatever way.

    Args:
        command: of the worker, to which the folder is added.
        folder: of the run.
        threads: for the libraries. They are set in the environment, as that must happen before the libraries
            load.
        gpu: the one GPU that the worker sees; None for all.
    """
    env = make_child_environment(**dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if gpu is not None:
        env["CUDA_VISIBLE_DEVICES"] = str(gpu)
    with disk.create_file(folder / OUTPUT) as output:
        return subprocess.Popen(
            [*command, "--tied", str(folder)],
            env=env,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def read_last_line(folder: Path) -> str:
    """Return the last line of the output of a folder's worker."""
    lines = disk.read_tail(folder / OUTPUT, TAIL_BYTES).decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("probekit.work: ") if lines else ""


def stop_worker(worker: subprocess.Popen[bytes]) -> None:
    """Ask a worker to save and end, and wait until it has.

    It may run within a signal's handler while `wait_for_worker` waits for the same worker.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(worker.pid, signal.SIGTERM)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(worker.pid, os.WNOHANG) == (0, 0):
            time.sleep(PAUSE)


def wait_for_worker(worker: subprocess.Popen[bytes]) -> int:
    """Wait for a worker, close its pipe, and return its exit code."""
    while (code := worker.poll()) is None:
        time.sleep(PAUSE)
    if worker.stdin is not None:
        worker.stdin.close()
    return code
