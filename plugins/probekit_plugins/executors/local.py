"""The local executor: one process per run on this machine."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import NonNegativeInt, PositiveInt

from probekit.plugin.executor import WorkerExit
from probekit.workers import PAUSE, read_last_line, start_worker, wait_for_worker


class Local:
    """Run `jobs` workers at a time, each in its own process, so that a killed one stops no other.

    Args:
        jobs: workers at a time.
        threads: of each worker.
        gpus: of this machine; worker i of those that run sees GPU i modulo `gpus` alone. 0 hides none.
    """

    def __init__(self, *, jobs: PositiveInt = 2, threads: PositiveInt = 1, gpus: NonNegativeInt = 0) -> None:
        self.jobs, self.threads, self.gpus = jobs, threads, gpus

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[WorkerExit]:
        """Start one worker per folder, `jobs` at a time; yield each as it ends."""
        waiting, running = list(folders), dict[Path, subprocess.Popen[bytes]]()
        slots: dict[Path, int] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    folder = waiting.pop(0)
                    slot = min(set(range(self.jobs)) - set(slots.values()))
                    slots[folder] = slot
                    gpu = slot % self.gpus if self.gpus else None
                    running[folder] = start_worker(command, folder, self.threads, gpu)
                finished = [folder for folder, worker in running.items() if worker.poll() is not None]
                for folder in finished:
                    del slots[folder]
                    yield WorkerExit(folder, wait_for_worker(running.pop(folder)), read_last_line(folder))
                if not finished:
                    time.sleep(PAUSE)
        finally:
            for worker in running.values():
                worker.terminate()
            for worker in running.values():
                wait_for_worker(worker)
