"""An event is one thing that happens to one job of a schedule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from probekit.plugin.stop import stop

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plugin.errors import ProbekitError
    from probekit.runs.run import Outcome
    from probekit.storage.folder import Folder
    from probekit.storage.result import Result

Status = Literal["started", "waiting", "stored", "done", "failed", "interrupted", "planned"]
PASSING: frozenset[Status] = frozenset({"started", "waiting"})
"""Statuses that another event of the same job follows."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a job.

    Attributes:
        job: the job.
        status: `started`: it trains now, or a worker has it. `waiting`: another process trains it. The last
            event of a job is one of `stored` (the store had it), `done`, `failed`, `interrupted` (its
            checkpoint is kept) and `planned` (it was not started, or a detached process has it).
        outcome: the result with its folder, where there is one.
        folder: the folder of the run, where there is one.
        message: why a job without a result failed or was interrupted.
        error: the error that `message` tells of, where it was raised in this process.
    """

    job: Job
    status: Status
    outcome: Outcome | None = None
    folder: Folder | None = None
    message: str = ""
    error: ProbekitError | None = None

    @property
    def result(self) -> Result | None:
        """The result, where there is one."""
        return self.outcome.result if self.outcome else None


@dataclass(slots=True)
class Report:
    """What became of all jobs of a schedule.

    Attributes:
        events: the last event of each job, in the order of the jobs.
        interruption: the Ctrl-C or signal that ended the schedule early.
    """

    events: list[Event] = field(default_factory=list)
    interruption: KeyboardInterrupt | None = None

    @property
    def outcomes(self) -> list[Outcome]:
        """The results with their folders, each run once."""
        outcomes = {id(event.outcome): event.outcome for event in self.events if event.outcome}
        return list(outcomes.values())

    def count(self, *statuses: Status) -> int:
        """Return how many jobs ended with one of these statuses."""
        return sum(event.status in statuses for event in self.events)


def collect_report(jobs: Sequence[Job], events: Iterable[Event]) -> Report:
    """Run a schedule to its end and return its report; Ctrl-C and signals are noted in it.

    A job that is another one under a second name has that one's event.
    """
    report, last = Report(), dict[str, Event]()
    try:
        for event in events:
            if event.status not in PASSING:
                last[event.job.plan.identity] = event
    except KeyboardInterrupt as interruption:
        report.interruption = interruption
        stop.acknowledge_stop()
    for job in jobs:
        event = last.get(job.plan.identity) or Event(job, "planned")
        report.events.append(replace(event, job=job))
    return report
