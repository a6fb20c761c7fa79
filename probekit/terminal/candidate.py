"""A candidate is one structure on one probe whose verdict is to be decided, with the seeds it still needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING

from probekit.cards.aggregate import StoredRun
from probekit.evidence.deciding.looks import LOOK_CONFIDENCE, LOOKS, find_next_look, read_looks
from probekit.evidence.estimate import MIN_SEEDS
from probekit.evidence.words import Word
from probekit.plans.job import make_job
from probekit.plugin.errors import StoreError, UsageError
from probekit.runs.run import Outcome
from probekit.schedule.event import Event
from probekit.storage.folder import RESULT, WEIGHTS

if TYPE_CHECKING:
    from probekit.cards.cell import Cell
    from probekit.catalog.registry import Registry
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
        is_easy: Whether it is the matched easy task of another one: it is run, and not judged for itself.
    """

    job: Job
    target: int | None
    events: dict[int, Event] = field(default_factory=dict)
    cell: Cell | None = None
    is_easy: bool = False

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
        if self.is_easy or cell is None or cell.verdict.word is not Word.UNDECIDED:
            return
        target = find_next_look(read_looks(store.root, self.job.plan), len(cell.done))
        if target is not None and self.find_chance(max(LOOKS[-1], target)) >= HOPELESS:
            self.target = target


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


def list_easy_tasks(candidates: Sequence[Candidate], registry: Registry) -> list[Candidate]:
    """Return the matched easy tasks that verdicts need next, and that are not among the candidates."""
    known = {candidate.job.plan.identity for candidate in candidates}
    easy_tasks = []
    for candidate in candidates:
        step = candidate.cell.next_step if candidate.cell else None
        if step is not None and step.easy_probe:
            job = make_job(candidate.job.plan.spec.model_copy(update={"probe": step.easy_probe}), registry)
            if job.plan.identity not in known:
                easy_tasks.append(Candidate(job, MIN_SEEDS, is_easy=True))
    return easy_tasks
