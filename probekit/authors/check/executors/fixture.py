"""Prepares an executor for checks: it carries out workers of a moment, which train nothing."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.authors.check.fixture import Fixture
from probekit.authors.trial import STARTED, TASK
from probekit.plugin.executor import Executor, WorkerExit
from probekit.schedule.endings import check_executor

if TYPE_CHECKING:
    pass

WORDS = ("--device", "cpu")
"""Words of the command before the folder, which the workers must receive."""
STORE = "a store"
"""Its name has a space, as users' folders may have."""


Endings = dict[str, tuple[WorkerExit, list[str] | None]]
"""By the name of a folder: how its worker ended, and the words of its command; None if it never started."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a worker of a moment does.

    Attributes:
        name: the name of its folder.
        code: its exit code; a negative one is the signal that it kills itself with.
        seconds: how long it takes.
        message: the last line that it prints.
    """

    name: str
    code: int = 0
    seconds: float = 0.0
    message: str = "ended"


@dataclass(frozen=True, slots=True)
class ExecutorFixture(Fixture):
    """An executor with its parameters.

    Attributes:
        endings: how workers ended that several checks look at; empty until one has carried them out.
    """

    endings: Endings = field(default_factory=dict)
    command: Sequence[str] = field(default=(sys.executable, "-m", "probekit.authors.trial", *WORDS))

    def make_executor(self) -> Executor:
        """Make a new executor; raise ProbekitError if it has no method `carry_out`."""
        executor: Executor = self.part.make()
        check_executor(executor, self.request)
        return executor

    def exercise(self) -> None:
        """Make the executor."""
        self.make_executor()

    @contextlib.contextmanager
    def prepare_folders(self, trials: Sequence[Trial]) -> Iterator[dict[Path, Trial]]:
        """Write a folder per trial into a temporary store; give the trials by folder."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            trial_of = {Path(temporary, STORE, trial.name): trial for trial in trials}
            for folder, trial in trial_of.items():
                folder.mkdir(parents=True)
                task = {"code": trial.code, "seconds": trial.seconds, "message": trial.message}
                (folder / TASK).write_text(json.dumps(task))
            yield trial_of


def read_words(folder: Path) -> list[str] | None:
    """Return the words of the command that started a trial worker; None if none has started."""
    try:
        words: list[str] = json.loads((folder / STARTED).read_text())
    except (OSError, ValueError):  # it is not there, or not whole yet
        return None
    return words
