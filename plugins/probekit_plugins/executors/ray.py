"""The ray executor: a task a run on a cluster that is there already."""

from __future__ import annotations

import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, PositiveInt

from probekit.errors import UsageError
from probekit.executor import Ended
from probekit.stop import REQUEUE
from probekit.storage import disk
from probekit.storage.claim import LEASE, LOCK
from probekit.storage.folder import MOST, RESULT, Folder
from probekit_plugins.executors.process import closed, ended, last_said, start

PAUSE = 1.0
LONG = 10.0
"""Seconds in which a cluster must answer."""
Files = dict[str, bytes]


class Ray:
    """Runs a worker in a task of each run (Moritz et al. 2018, "Ray"), with so many processors and GPUs.

    address: of the cluster, which is not started here; "auto" finds the one that this machine is part of.
    cpus: also the threads of a worker. gpus: may be a fraction, which is bookkeeping and isolates nothing.
    shared: whether the store's folder is the same on every node; else a run's files travel with its task and
    come back with it. retries: how often a task is begun again whose node is lost; it goes on from the
    checkpoint where the disk is shared, else from what was sent. Raises UsageError where ray is not
    installed or there is no cluster.
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

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[Ended]:
        """Send a task a folder; yield each as it ends."""
        ray = self.ray
        began = not ray.is_initialized()
        if began:
            try:
                reached(self.address)  # ray itself looks for two minutes
                ray.init(address=self.address, log_to_driver=False, logging_level="ERROR")
            except OSError as error:
                found = str(error).partition("\n")[0].rstrip(".")
                hint = "Start one with `ray start --head`, or type its address."
                raise UsageError(f"ray(address={self.address})", found, hint) from error
        remote = ray.remote(max_retries=self.retries, num_cpus=self.cpus, num_gpus=self.gpus)(task)
        left = {}
        try:
            for folder in folders:
                sent = None if self.shared else packed(folder)
                left[remote.remote(list(command[1:]), str(folder), self.cpus, sent)] = folder
            while left:
                some, _ = ray.wait(list(left), num_returns=1, timeout=PAUSE)
                for reference in some:
                    yield self.event(left.pop(reference), reference)
        finally:
            for reference in left:
                ray.cancel(reference)
            if left:
                ray.wait(list(left), num_returns=len(left), timeout=60)
            if began:
                ray.shutdown()

    def event(self, folder: Path, reference: Any) -> Ended:
        """Return how a task ended, its files being in place."""
        try:
            code, said, files = self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            lost = f"its task was lost ({str(error).strip().partition(chr(10))[0]})"
            return Ended(folder, REQUEUE, lost)
        if files is not None:
            unpack(files, folder)
        return Ended(folder, code, said)


def reached(address: str) -> None:
    """Raise OSError where nobody listens at a host and port; another way of naming a cluster is left to
    ray."""
    host, _, port = address.rpartition(":")
    if host and "/" not in address and port.isdecimal():
        socket.create_connection((host, int(port)), LONG).close()


def task(
    words: Sequence[str], folder: str, threads: int, files: Files | None
) -> tuple[int, str, Files | None]:
    """Carry out one run where ray puts it; return exit code, last words, and files where they do not share a
    disk."""
    if files is None:
        return *process(words, Path(folder), threads), None
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, Path(folder).name)
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content)
        return *process(words, path, threads), packed(path)


def process(words: Sequence[str], folder: Path, threads: int) -> tuple[int, str]:
    """Start a worker with this node's Python and wait for it; a task that is cancelled lets it save."""
    worker = start([sys.executable, *words], folder, threads)
    try:
        code = closed(worker)
    except BaseException:
        ended(worker)
        raise
    return code, last_said(folder)


def packed(folder: Path) -> Files:
    """Return the files of a run by name."""
    some = (path for path in folder.iterdir() if path.is_file() and path.name not in (LOCK, LEASE))
    return {path.name: disk.read(path, MOST) for path in some}


def unpack(files: Files, folder: Path) -> None:
    """Write the files of a run whole, the result last: what is there then is complete."""
    for name in sorted(files, key=lambda name: name == RESULT):
        if Path(name).name == name:
            Folder(folder).write(name, files[name])
