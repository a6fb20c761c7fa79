"""Running until decided adds seeds where they decide most per second, and judges verdicts at looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from probekit.cards.formatting import format_duration
from probekit.cards.judge import make_columns_of_runs
from probekit.catalog.registry import Registry
from probekit.evidence.deciding.looks import record_look
from probekit.plugin.stop import TimeLimit
from probekit.schedule.event import Report
from probekit.schedule.schedule import Schedule
from probekit.terminal.candidate import Candidate, list_candidates, list_easy_tasks
from probekit.terminal.follow import follow_schedule
from probekit.terminal.messages import print_info

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.storage.store import Store


def follow_until_decided(
    schedule: Schedule, jobs: Sequence[Job], registry: Registry, minutes: float | None = None
) -> Report:
    """Carry out jobs, then further seeds of each structure until its verdict is decided.

    Verdicts are judged at looks, which the store records. Where a structure did not fit by the best of three
    recipes, its matched easy task is run too. The same command goes on where it was stopped.

    Args:
        schedule: How jobs are carried out.
        jobs: Seeds 0 to K - 1 of each structure on each probe. The first look is at K seeds, or at as many as
            the store holds.
        registry: The installed components.
        minutes: How long it may take. Runs that this ends keep their checkpoints.

    Returns:
        The events of all seeds.

    Raises:
        UsageError: A scale decides nothing, or the seeds do not start at 0.
    """
    limit = TimeLimit(None if minutes is None else 60 * minutes)
    candidates = list_candidates(jobs, schedule.store)
    report = Report()
    while pending := [candidate for candidate in candidates if candidate.target is not None]:
        batch = choose_batch(pending, schedule.count_slots())
        report.interruption = run_batch(batch, schedule, registry, limit)
        if report.interruption or limit.is_over:
            break
        judge_batch(batch, candidates, schedule.store, registry)
        candidates += list_easy_tasks(candidates, registry)
        undecided = [candidate for candidate in candidates if candidate.target is not None]
        if undecided:
            verdicts = sum(not candidate.is_easy for candidate in candidates)
            print_info(describe_progress(undecided, verdicts))
    unfinished = sum(candidate.target is not None for candidate in candidates)
    if limit.is_over and unfinished:
        print_info(f"Time is up; {unfinished} verdicts are open. The same command goes on.")
    for candidate in candidates:
        report.events += [candidate.events[seed] for seed in sorted(candidate.events)]
    return report


def choose_batch(pending: Sequence[Candidate], slots: int) -> list[Candidate]:
    """Return the structures to go on with: those without a look, else those that decide most per second.

    Args:
        pending: All that are undecided.
        slots: How many runs go at once, all of which are used.
    """
    if fresh := [candidate for candidate in pending if candidate.cell is None]:
        return fresh
    batch: list[Candidate] = []
    for candidate in sorted(pending, key=Candidate.rate_look, reverse=True):
        if sum(len(chosen.list_missing()) for chosen in batch) >= slots:
            break
        batch.append(candidate)
    return batch


def run_batch(
    batch: Sequence[Candidate], schedule: Schedule, registry: Registry, limit: TimeLimit
) -> KeyboardInterrupt | None:
    """Run the seeds that the next looks of a batch need; return the Ctrl-C or signal that stopped it."""
    missing = [(candidate, job) for candidate in batch for job in candidate.list_missing()]
    step = len(missing) if limit.seconds is None else schedule.count_slots()
    for start in range(0, len(missing), max(step, 1)):
        if limit.is_over:
            return None
        part = missing[start : start + step]
        timed = replace(schedule, timeout=limit.remaining_seconds(schedule.timeout))
        done = follow_schedule(timed, [job for _, job in part], registry)
        for (candidate, job), event in zip(part, done.events, strict=True):
            if not (event.status == "failed" and limit.is_over):
                candidate.events[job.plan.seed] = event
        if done.interruption:
            return done.interruption
    return None


def judge_batch(
    batch: Sequence[Candidate], candidates: Sequence[Candidate], store: Store, registry: Registry
) -> None:
    """Record the looks of a batch, and judge all structures that were looked at beside each other."""
    for candidate in batch:
        if not candidate.is_easy and (seeds := len(candidate.list_runs())) >= (candidate.target or 0):
            record_look(store, candidate.job.plan, seeds)
    runs = [run for candidate in candidates if not candidate.is_easy for run in candidate.list_runs()]
    cells = {
        run.folder: cell
        for column in make_columns_of_runs(runs, store, registry)
        for cell in column.cells
        for run in cell.done
    }
    for candidate in candidates:
        scored = candidate.list_runs()
        is_whole = bool(scored) and len(scored) == len(candidate.events)
        candidate.take_cell(cells.get(scored[0].folder.path.name) if is_whole else None, store)


def describe_progress(undecided: Sequence[Candidate], count: int) -> str:
    """Return in a sentence how many verdicts are open, and how long their next looks take."""
    seconds = sum(candidate.seconds * len(candidate.list_missing()) for candidate in undecided)
    duration = format_duration(seconds)
    return f"{len(undecided)} of {count} verdicts are open. Their next looks take about {duration}."
