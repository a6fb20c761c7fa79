"""Live shows on a terminal how far runs are that are carried out elsewhere, as the store tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from probekit.cards.words import duration
from probekit.cli.messages import console, note, still

if TYPE_CHECKING:
    from probekit.plans.job import Job

EVERY = 1.0
"""Seconds between two looks."""
SHOWN = 12
"""Runs that are shown at a time."""


def far(step: int, steps: int | None) -> str | None:
    """Say how far a run is; None where its log says nothing yet."""
    return f"{step:,} of {steps:,}" if steps else None


class Live:
    """What `look` returns, text or a table, drawn anew each second on stderr while this is entered."""

    def __init__(self, look: Callable[[], Any]) -> None:
        from rich.live import Live as Screen

        self.screen = None if still() else Screen(
            get_renderable=look, console=console(), refresh_per_second=1 / EVERY, transient=True
        )  # fmt: skip

    def __enter__(self) -> Live:
        if self.screen is not None:
            self.screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.screen is not None:
            self.screen.stop()


class Ahead(Live):
    """The runs of a command that workers carry out: how many have ended, and how far each one is."""

    def __init__(self, runs: int) -> None:
        self.runs, self.ended, self.stored = runs, 0, 0
        self.jobs: dict[Path, Job] = {}
        self.start = time.monotonic()
        super().__init__(self.table)

    def add(self, folder: Path, job: Job) -> None:
        """Show a run that a worker has."""
        self.jobs[folder] = job

    def skip(self) -> None:
        """Count a run that was stored."""
        self.stored += 1

    def finish(self, folder: Path) -> None:
        """Count a run that ended."""
        job = self.jobs.pop(folder)
        self.ended += 1
        note(f"[{self.stored + self.ended}/{self.runs}] {job.name} has ended")

    def table(self) -> Any:
        """Return what is drawn."""
        from rich.table import Table

        from probekit.storage.attempt import ATTEMPT, last_step
        from probekit.storage.folder import Folder
        from probekit.storage.phase import pace

        passed = time.monotonic() - self.start
        rest = f", about {duration(passed / self.ended * len(self.jobs))} left" if self.ended else ""
        title = f"{self.stored + self.ended} of {self.runs} runs have ended{rest}"
        table = Table(title=title, title_justify="left", box=None)
        for head in ("run", "step", "left"):
            table.add_column(head)
        for path, job in [*self.jobs.items()]:
            if (path / ATTEMPT).exists() and table.row_count < SHOWN:
                step, steps = last_step(Folder(path))
                left = pace(Folder(path), step, steps)[1]
                cells = far(step, steps) or "begins", "" if left is None else duration(left)
                table.add_row(f"{job.name}, seed {job.plan.seed}", *cells)
        return table
