"""Progress of the jobs in this process: a bar with loss, speed and time left; in a pipe, a line per run."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from probekit.cards.formatting import budget_note, format_duration, format_width
from probekit.plans.spec import RunSpec
from probekit.plugin.interfaces import Row
from probekit.terminal.messages import is_animation_disabled, make_console, print_info

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plans.plan import Plan

STAGES = {
    "prepare": "preparing data",
    "train": "training",
    "wait": "waiting for another process",
    "score": "scoring",
    "examine": "examining",
    "write": "writing",
}
LONG_SECONDS = 90
"""A run that takes at least this long is announced with its expected time."""


def describe_duration(job: Job) -> str:
    """Return the expected time of a long run as text; "" if it is short or unknown."""
    scale = job.probe.scales.get(job.plan.scale)
    if scale is None or scale.seconds is None or scale.seconds < LONG_SECONDS:
        return ""
    return f", about {format_duration(scale.seconds)} on one core"


def describe_trainer(plan: Plan) -> str:
    """Return a run's trainer as text; "" if it is the default."""
    default = RunSpec.model_fields["trainer"].default
    return "" if plan.spec.trainer == default else f", {plan.spec.trainer}"


class Progress:
    """A progress bar on stderr for the current job.

    Args:
        runs: number of jobs.
    """

    def __init__(self, runs: int = 1) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self.runs, self.started = runs, 0
        self.bars = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[about]}", markup=False),
            TimeRemainingColumn(),
            console=make_console(),
            transient=True,
            disable=is_animation_disabled(),
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

    def start_job(self, job: Job) -> None:
        """Announce the next job."""
        self.started += 1
        plan = job.plan
        print_info(
            f"[{self.started}/{self.runs}] {job.name}{describe_trainer(plan)}: {plan.parameters:,} parameters"
            f"{budget_note(plan.budget_gap)}, width {format_width(plan.width, plan.width_wished)}, "
            f"scale {plan.scale}"
            f"{describe_duration(job)}"
        )
        self.stage = ""

    def skip(self) -> None:
        """Count a run that was stored."""
        self.started += 1

    def update(self, stage: str, row: Row) -> None:
        """Show one progress event of a stage."""
        if self.bars.disable:
            return
        if stage != self.stage:
            if self.task is not None:
                self.bars.remove_task(self.task)
            self.task = self.bars.add_task(STAGES.get(stage, stage), total=row.get("steps"), about="")
            self.stage, self.stage_start, self.first_step = stage, time.monotonic(), row.get("step", 0)
        about = f"loss {row['loss']:.4f}" if "loss" in row else ""
        elapsed = time.monotonic() - self.stage_start
        if stage == "train" and elapsed > 0.5:
            speed = (row.get("step", 0) - self.first_step) / elapsed
            about += f", {speed:.1f} steps/s"
            if "items" in row:
                about += f", {speed * row['items'] / max(row['step'], 1):,.0f} items/s"
        self.bars.update(self.task, completed=row.get("step", 0), total=row.get("steps"), about=about)
