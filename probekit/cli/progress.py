"""Progress shows on a terminal how far the runs are: loss, speed and time left; in a pipe, a line a run."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from probekit.cards.words import aside, duration, width
from probekit.cli.messages import console, note, still
from probekit.interfaces import Row
from probekit.plans.spec import RunSpec

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plans.plan import Plan

STAGES = {
    "prepare": "drawing data",
    "train": "training",
    "wait": "another process is at it",
    "score": "scoring",
    "examine": "examining",
    "write": "writing",
}


LONG = 90
"""Seconds from which on it is said how long a run takes."""


def about_how_long(job: Job) -> str:
    """Say about how long a run takes, where that is long and known of its scale."""
    scale = job.probe.scales.get(job.plan.scale)
    if scale is None or scale.seconds is None or scale.seconds < LONG:
        return ""
    return f", about {duration(scale.seconds)} on two cores"


def recipe(plan: Plan) -> str:
    """Say which trainer a run has, where it was typed, or is one of those that are tried."""
    usual = RunSpec.model_fields["trainer"].default
    return "" if plan.spec.trainer == usual else f", {plan.spec.trainer}"


class Progress:
    """A bar for the run at hand on stderr."""

    def __init__(self, runs: int = 1) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self.runs, self.begun = runs, 0
        self.bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[about]}", markup=False),
            TimeRemainingColumn(),
            console=console(),
            transient=True,
            disable=still(),
        )
        self.task: Any = None
        self.stage = ""

    def __enter__(self) -> Progress:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def begin(self, job: Job) -> None:
        """Start the next run."""
        self.begun += 1
        plan = job.plan
        note(
            f"[{self.begun}/{self.runs}] {job.name}{recipe(plan)}: {plan.parameters:,} parameters"
            f"{aside(plan.budget_gap)}, width {width(plan.width, plan.width_wished)}, scale {plan.scale}"
            f"{about_how_long(job)}"
        )
        self.stage = ""

    def skip(self) -> None:
        """Count a run that was stored."""
        self.begun += 1

    def watch(self, stage: str, row: Row) -> None:
        """Show one row of a stage."""
        if self.bars.disable:
            return
        if stage != self.stage:
            if self.task is not None:
                self.bars.remove_task(self.task)
            self.task = self.bars.add_task(STAGES.get(stage, stage), total=row.get("steps"), about="")
            self.stage, self.since, self.first = stage, time.monotonic(), row.get("step", 0)
        about = f"loss {row['loss']:.4f}" if "loss" in row else ""
        passed = time.monotonic() - self.since
        if stage == "train" and passed > 0.5:
            pace = (row.get("step", 0) - self.first) / passed
            about += f", {pace:.1f} steps/s"
            if "items" in row:
                about += f", {pace * row['items'] / max(row['step'], 1):,.0f} items/s"
        self.bars.update(self.task, completed=row.get("step", 0), total=row.get("steps"), about=about)
