"""An executor carries out runs whose specifications are in a store; it receives folders, never objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from probekit.renamed import rename_fields

DONE, FAILED = 0, 1
"""Exit codes of a worker. The third is `stop.REQUEUE`: it saved a checkpoint and can be started again."""


@rename_fields({"said": "message"})
@dataclass(frozen=True, slots=True)
class WorkerExit:
    """The end of one worker.

    Args:
        folder: the folder of its run.
        code: its exit code; a negative code is the signal that killed it.
        message: the last line of its output.
    """

    folder: Path
    code: int
    message: str = ""


class Executor(Protocol):
    """Decides where and how runs are carried out; the parameters of its class are resources.

    If its workers outlive the caller, as in the queue of a cluster, an executor also has a method
    `submit(folders, command) -> str`, which starts the workers and returns a description of where they run.
    Its `carry_out` leaves them running when you close it.
    """

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[WorkerExit]:
        """Start one worker per folder and yield each when it ends, in any order.

        When the caller stops, by an exception or by closing the iterator, send SIGTERM to the workers and
        wait for them, so that they can save checkpoints.

        Args:
            folders: absolute paths; each folder contains a specification.
            command: the command line of a worker; append the folder to it. The exit code says how the run
                ended, and its folder contains everything else.
        """
        ...
