"""Live displays of runs that other processes carry out, read from the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from probekit.cards.formatting import format_duration
from probekit.terminal.messages import is_animation_disabled, make_console, print_info

if TYPE_CHECKING:
    from probekit.plans.job import Job

REFRESH_SECONDS = 1.0
MAX_ROWS = 12
"""Most runs that a display shows at once."""


def format_step(step: int, steps: int | None) -> str | None:
    """Return "3 of 10", or None if the number of steps is not known yet."""
    return f"{step:,} of {steps:,}" if steps else None


class LiveDisplay:
    """A text or table on stderr that refreshes once per second while the context is active.

    Args:
        render: returns the text or rich table to show.
    """

    def __init__(self, render: Callable[[], Any]) -> None:
        from rich.live import Live

        self.screen = None if is_animation_disabled() else Live(
            get_renderable=render,
            console=make_console(),
            refresh_per_second=1 / REFRESH_SECONDS,
            transient=True,
        )  # fmt: skip

    def __enter__(self) -> LiveDisplay:
        if self.screen is not None:
            self.screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.screen is not None:
            self.screen.stop()


class JobsDisplay(LiveDisplay):
    """Progress of jobs that workers carry out: how many have ended, and how far each one is.

    Args:
        total: number of jobs.
    """

    def __init__(self, total: int) -> None:
        self.total, self.ended, self.stored = total, 0, 0
        self.pending: dict[Path, Job] = {}
        self.start_time = time.monotonic()
        super().__init__(self.make_table)

    def add(self, folder: Path, job: Job) -> None:
        """Show a job that a worker has."""
        self.pending[folder] = job

    def skip(self) -> None:
        """Count a job that was stored."""
        self.stored += 1

    def finish(self, folder: Path) -> None:
        """Count a job that ended."""
        job = self.pending.pop(folder)
        self.ended += 1
        print_info(f"[{self.stored + self.ended}/{self.total}] {job.name} has ended")

    def make_table(self) -> Any:
        """Return a rich table of the running jobs."""
        from rich.table import Table

        from probekit.storage.attempt import ATTEMPT, last_step
        from probekit.storage.folder import Folder
        from probekit.storage.phase import estimate_remaining

        elapsed = time.monotonic() - self.start_time
        estimate = (
            f", about {format_duration(elapsed / self.ended * len(self.pending))} left" if self.ended else ""
        )
        title = f"{self.stored + self.ended} of {self.total} runs have ended{estimate}"
        table = Table(title=title, title_justify="left", box=None)
        for head in ("run", "step", "time left"):
            table.add_column(head)
        for path, job in [*self.pending.items()]:
            if (path / ATTEMPT).exists() and table.row_count < MAX_ROWS:
                step, steps = last_step(Folder(path))
                seconds_left = estimate_remaining(Folder(path), step, steps)[1]
                time_left = "" if seconds_left is None else format_duration(seconds_left)
                name = f"{job.name}, seed {job.plan.seed}"
                table.add_row(name, format_step(step, steps) or "starting", time_left)
        return table
