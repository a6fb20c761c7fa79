"""The ray executor: one task per run on a running cluster."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveInt

from probekit.plugin.errors import UsageError
from probekit.plugin.executor import WorkerExit
from probekit.plugin.stop import REQUEUE
from probekit.workers import (
    LEASE,
    LOCK,
    MAX_FILE,
    RESULT,
    Folder,
    disk,
    read_last_line,
    start_worker,
    stop_worker,
    wait_for_worker,
)

PAUSE = 1.0
CONNECT_SECONDS = 10.0
"""How long a cluster may take to answer."""
Files = dict[str, bytes]


class Ray:
    """Run a worker in one task per run (Moritz et al. 2018, "Ray").

    Args:
        address: of the cluster, which is not started here; "auto" finds the one that this machine belongs to.
        cpus: of a task, and the threads of its worker.
        gpus: of a task. A fraction is bookkeeping, and isolates nothing.
        shared: whether the store's folder is the same on every node. If not, a run's files travel with its
            task and come back with it.
        retries: how often a task starts again after its node was lost. It goes on from the checkpoint where
            the disk is shared, otherwise from the files that were sent.

    Raises:
        UsageError: ray is not installed, or there is no cluster.
    """

    def __init__(
        self,
        *,
        address: str = "auto",
        cpus: PositiveInt = 1,
        gpus: NonNegativeFloat = 0,
        shared: bool = True,
        retries: Annotated[int, Field(ge=0, le=100)] = 2,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            hint = "Type pip install 'probekit-nn[ray]'."
            raise UsageError("the executor ray", "ray is not installed", hint) from error
        self.ray: Any = ray
        self.address, self.cpus, self.gpus = address, cpus, gpus
        self.shared, self.retries = shared, retries

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[WorkerExit]:
        """Send one task per folder; yield each as it ends."""
        ray = self.ray
        connects = not ray.is_initialized()
        if connects:
            try:
                check_address(self.address)  # ray itself would try for two minutes
                ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
            except OSError as error:
                reason = str(error).partition("\n")[0].rstrip(".")
                hint = "Start one with `ray start --head`, or type its address."
                raise UsageError(f"ray(address={self.address})", reason, hint) from error
        remote = ray.remote(max_retries=self.retries, num_cpus=self.cpus, num_gpus=self.gpus)(run_task)
        pending = {}
        try:
            for folder in folders:
                files = None if self.shared else read_files(folder)
                pending[remote.remote(list(command[1:]), str(folder), self.cpus, files)] = folder
            while pending:
                finished, _ = ray.wait(list(pending), num_returns=1, timeout=PAUSE)
                for task in finished:
                    yield self.collect_task(pending.pop(task), task)
        finally:
            for task in pending:
                ray.cancel(task)
            if pending:
                ray.wait(list(pending), num_returns=len(pending), timeout=60)
            if connects:
                ray.shutdown()

    def collect_task(self, folder: Path, task: Any) -> WorkerExit:
        """Write the files of a finished task, and return how it ended."""
        try:
            code, last_line, files = self.ray.get(task)
        except self.ray.exceptions.RayError as error:
            message = f"its task was lost ({str(error).strip().partition(chr(10))[0]})"
            return WorkerExit(folder, REQUEUE, message)
        if files is not None:
            write_files(files, folder)
        return WorkerExit(folder, code, last_line)


def check_address(address: str) -> None:
    """Raise OSError where nothing listens at a host and port; ray checks other forms of an address."""
    host, _, port = address.rpartition(":")
    if host and "/" not in address and port.isdecimal():
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def run_task(
    arguments: Sequence[str], folder: str, threads: int, files: Files | None
) -> tuple[int, str, Files | None]:
    """Carry out one run on a node; return exit code, last line, and the files where no disk is shared."""
    if files is None:
        return *run_worker(arguments, Path(folder), threads), None
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, Path(folder).name)
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
        return *run_worker(arguments, path, threads), read_files(path)


def run_worker(arguments: Sequence[str], folder: Path, threads: int) -> tuple[int, str]:
    """Start a worker with this node's Python and wait for it; a cancelled task lets it save."""
    worker = start_worker([sys.executable, *arguments], folder, threads)
    try:
        code = wait_for_worker(worker)
    except BaseException:
        stop_worker(worker)
        raise
    return code, read_last_line(folder)


def read_files(folder: Path) -> Files:
    """Return the files of a run by name."""
    paths = (path for path in folder.iterdir() if path.is_file() and path.name not in (LOCK, LEASE))
    return {path.name: disk.read_file(path, MAX_FILE) for path in paths}


def write_files(files: Files, folder: Path) -> None:
    """Write the files of a run, the result last, so that a folder with a result is complete."""
    for name in sorted(files, key=lambda name: name == RESULT):
        if Path(name).name == name:
            Folder(folder).write(name, files[name])
