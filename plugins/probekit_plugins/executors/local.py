"""The local executor: a fresh process a run on this machine, several at a time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import PositiveInt

from probekit.executor import Ended

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
SAID = "worker.txt"
"""What a worker says lies in its run's folder, the last of it."""
PAUSE = 0.05


class Local:
    """Runs `jobs` workers at a time, each a process of its own, so that one that is killed stops nobody.

    threads: of each worker; by default this machine's processors divided among them, told to the libraries in
    the worker's environment, as that must be done before they are loaded.
    """

    def __init__(self, *, jobs: PositiveInt = 2, threads: PositiveInt | None = None) -> None:
        self.jobs = jobs
        self.threads = threads or max(1, len(os.sched_getaffinity(0)) // jobs)

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[Ended]:
        """Start a worker a folder, `jobs` at a time; yield each as it ends."""
        left, busy = list(folders), dict[Path, subprocess.Popen[bytes]]()
        try:
            while left or busy:
                while left and len(busy) < self.jobs:
                    folder = left.pop(0)
                    busy[folder] = self.start([*command, str(folder)], folder)
                ended = [folder for folder, worker in busy.items() if worker.poll() is not None]
                for folder in ended:
                    yield Ended(folder, busy.pop(folder).returncode, last_said(folder))
                if not ended:
                    time.sleep(PAUSE)
        finally:
            for worker in busy.values():
                worker.terminate()
            for worker in busy.values():
                worker.wait()

    def start(self, command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
        """Start a worker in a session of its own, so that Ctrl-C reaches it as SIGTERM, once."""
        env = {**os.environ, **dict.fromkeys(THREADS, str(self.threads))}
        with (folder / SAID).open("wb") as said:
            return subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )


def last_said(folder: Path) -> str:
    """Return the last line that a folder's worker said."""
    lines = (folder / SAID).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].removeprefix("probekit.work: ") if lines else ""
