"""Running until decided adds seeds where they decide most per second, and judges verdicts at looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import TYPE_CHECKING

from probekit.cards.aggregate import StoredRun
from probekit.cards.formatting import format_duration
from probekit.cards.judge import make_columns_of_runs
from probekit.catalog.registry import Registry
from probekit.evidence.deciding.looks import LOOK_CONFIDENCE, LOOKS, find_next_look, read_looks, record_look
from probekit.evidence.words import Word
from probekit.plugin.errors import StoreError, UsageError
from probekit.plugin.stop import TimeLimit
from probekit.runs.run import Outcome
from probekit.schedule.event import Event, Report
from probekit.schedule.schedule import Schedule
from probekit.storage.folder import RESULT, WEIGHTS
from probekit.terminal.follow import follow_schedule
from probekit.terminal.messages import print_info

if TYPE_CHECKING:
    from probekit.cards.cell import Cell
    from probekit.plans.job import Job
    from probekit.storage.store import Store

HOPELESS = 0.05
"""The least chance of a decision by the last look for which seeds are added."""
MINUTE = 60.0
"""Seconds that a run takes of which nothing is known."""


@dataclass(slots=True)
class Candidate:
    """One structure on one probe, whose verdict is to be decided.

    Attributes:
        job: Its job with seed 0.
        target: With how many seeds it is judged next; None if no more seeds are run.
        events: The last event of each seed.
        cell: Its cell as it was judged last.
    """

    job: Job
    target: int | None
    events: dict[int, Event] = field(default_factory=dict)
    cell: Cell | None = None

    def list_missing(self) -> list[Job]:
        """Return the jobs of the seeds that the next look needs."""
        return [self.job.with_seed(seed) for seed in range(self.target or 0) if seed not in self.events]

    def list_runs(self) -> list[StoredRun]:
        """Return the scored runs."""
        outcomes = [event.outcome for event in self.events.values() if event.outcome]
        return [StoredRun(run.result, run.folder) for run in outcomes if run.result.status == "done"]

    @property
    def seconds(self) -> float:
        """How long a seed trains: the mean of those that were run, else what the scale says."""
        trained = [run.result.seconds for run in self.list_runs()]
        scale = self.job.probe.scales.get(self.job.plan.scale)
        stated = scale.seconds if scale else None
        return max(mean(trained) if trained else MINUTE if stated is None else stated, 0.1)

    def find_chance(self, seeds: int) -> float:
        """Return how likely so many seeds decide; 1 if nothing is known."""
        if self.cell is None or self.cell.outlook is None:
            return 1.0
        thresholds = self.job.probe.thresholds
        return float(self.cell.outlook.find_chance([seeds], thresholds, LOOK_CONFIDENCE)[0])

    def rate_look(self) -> float:
        """Return how likely the next look decides, per second of training."""
        return self.find_chance(self.target or 0) / (self.seconds * max(len(self.list_missing()), 1))

    def take_cell(self, cell: Cell | None, store: Store) -> None:
        """Take the cell as it is judged now, and choose the next look if another one may decide."""
        self.cell, self.target = cell, None
        if cell is None or cell.verdict.word is not Word.UNDECIDED:
            return
        target = find_next_look(read_looks(store.root, self.job.plan), len(cell.done))
        if target is not None and self.find_chance(max(LOOKS[-1], target)) >= HOPELESS:
            self.target = target


def follow_until_decided(
    schedule: Schedule, jobs: Sequence[Job], registry: Registry, minutes: float | None = None
) -> Report:
    """Carry out jobs, then further seeds of each structure until its verdict is decided.

    Verdicts are judged at looks, which the store records. The same command goes on where it was stopped.

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
        undecided = [candidate for candidate in candidates if candidate.target is not None]
        if undecided:
            print_info(describe_progress(undecided, len(candidates)))
    unfinished = sum(candidate.target is not None for candidate in candidates)
    if limit.is_over and unfinished:
        print_info(f"Time is up; {unfinished} verdicts are open. The same command goes on.")
    for candidate in candidates:
        report.events += [candidate.events[seed] for seed in sorted(candidate.events)]
    return report


def list_candidates(jobs: Sequence[Job], store: Store) -> list[Candidate]:
    """Return the structures whose verdicts are to be decided, with the runs that cannot be made again here.

    Those are results without weights, as they are committed or sent: they count as on a card.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.with_seed(0).plan.identity, []).append(job)
    candidates = []
    for group in groups.values():
        first, seeds = group[0].with_seed(0), {job.plan.seed for job in group}
        scale = first.probe.scales.get(first.plan.scale)
        if scale is not None and not scale.decides:
            names = [name for name, other in first.probe.scales.items() if other.decides]
            hint = f"Type --scale {names[0]}." if names else "Leave --until-decided out."
            raise UsageError("--until-decided", f"scale {first.plan.scale} decides nothing", hint)
        if seeds != set(range(len(seeds))):
            hint = "Type --seeds K, or leave it out."
            raise UsageError("--until-decided with chosen seeds", "it adds seeds from 0 to K - 1", hint)
        candidate = Candidate(first, len(seeds))
        while holds_result(store, first.with_seed(candidate.target or 0)):
            candidate.target = (candidate.target or 0) + 1
        for job in candidate.list_missing():
            if (event := read_row(job, store)) is not None:
                candidate.events[job.plan.seed] = event
        candidates.append(candidate)
    return candidates


def holds_result(store: Store, job: Job) -> bool:
    """Tell whether the store holds a result of a job."""
    folder = store.newest_run(job.plan)
    return folder is not None and (folder.path / RESULT).is_file()


def read_row(job: Job, store: Store) -> Event | None:
    """Return the event of a stored result without weights, None for any other run."""
    folder = store.newest_run(job.plan)
    if folder is None or not (folder.path / RESULT).is_file() or (folder.path / WEIGHTS).is_file():
        return None
    try:
        result = folder.read_result()
        folder.check_files(result, skip=WEIGHTS)
    except StoreError:
        return None
    if result.status != "done":
        return None
    return Event(job, "stored", Outcome(job, result, folder, stored=True), folder)


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
        if (seeds := len(candidate.list_runs())) >= (candidate.target or 0):
            record_look(store, candidate.job.plan, seeds)
    runs = [run for candidate in candidates for run in candidate.list_runs()]
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
