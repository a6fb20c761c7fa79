"""The local executor: one process per run on this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import PositiveInt

from probekit.plugin.executor import WorkerExit
from probekit_plugins.executors.process import PAUSE, read_last_line, start_worker, wait_for_worker


class Local:
    """Run `jobs` workers at a time, each in its own process, so that a killed one stops no other.

    Args:
        jobs: workers at a time.
        threads: of each worker; by default this machine's processors divided among them.
    """

    def __init__(self, *, jobs: PositiveInt = 2, threads: PositiveInt | None = None) -> None:
        self.jobs = jobs
        self.threads = threads or max(1, len(os.sched_getaffinity(0)) // jobs)

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[WorkerExit]:
        """Start one worker per folder, `jobs` at a time; yield each as it ends."""
        waiting, running = list(folders), dict[Path, subprocess.Popen[bytes]]()
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    folder = waiting.pop(0)
                    running[folder] = start_worker(command, folder, self.threads)
                finished = [folder for folder, worker in running.items() if worker.poll() is not None]
                for folder in finished:
                    yield WorkerExit(folder, wait_for_worker(running.pop(folder)), read_last_line(folder))
                if not finished:
                    time.sleep(PAUSE)
        finally:
            for worker in running.values():
                worker.terminate()
            for worker in running.values():
                wait_for_worker(worker)
