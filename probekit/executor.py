"""An executor carries out runs that lie in a store as specifications: it moves folders, never objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

DONE, FAILED = 0, 1
"""What a worker exits with, beside `stop.REQUEUE`: it saved a checkpoint, and may be begun again."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker ended: its run's folder, its exit code (a negative one is the signal that killed it), and the
    last that it said."""

    folder: Path
    code: int
    said: str = ""


class Executor(Protocol):
    """Where and how runs are carried out; parameters of its class are resources.

    One whose workers outlive the caller, as those of a queue do, has `submit(folders, command) -> str`
    besides, which leaves them there and says where they are; its `carry_out` leaves them when it is closed.
    """

    def carry_out(self, folders: Sequence[Path], command: Sequence[str]) -> Iterator[Ended]:
        """Start a worker a folder and yield each as it ends, in whatever order.

        folders: absolute, each with a specification. command: the words of a worker, to which the folder is
        added; its exit code says what came of it, and its folder holds all else. When the caller stops, by an
        exception or by closing the iterator, workers are sent SIGTERM and waited for: they save.
        """
        ...
