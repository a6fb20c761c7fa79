"""The local executor: a fresh process a run on this machine, several at a time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import PositiveInt

from probekit.executor import Ended
from probekit_plugins.executors.process import PAUSE, closed, last_said, start


class Local:
    """Runs `jobs` workers at a time, each a process of its own, so that one that is killed stops nobody.

    threads: of each worker; by default this machine's processors divided among them.
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
                    busy[folder] = start(command, folder, self.threads)
                over = [folder for folder, worker in busy.items() if worker.poll() is not None]
                for folder in over:
                    yield Ended(folder, closed(busy.pop(folder)), last_said(folder))
                if not over:
                    time.sleep(PAUSE)
        finally:
            for worker in busy.values():
                worker.terminate()
            for worker in busy.values():
                closed(worker)
