"""A schedule carries out jobs, in this process or by an executor, and yields events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.runs.machine import choose_device
from probekit.runs.observers.attach import attach_observers, list_observers
from probekit.runs.replay import Replay
from probekit.runs.run import find_stored
from probekit.schedule.cores import choose_jobs, default_threads, has_gpus, use_threads
from probekit.schedule.detach import leave_folders
from probekit.schedule.event import Event
from probekit.schedule.grid import MAX_RUNS
from probekit.schedule.parallel import make_executor, prepare_folders, run_in_workers, worker_command
from probekit.schedule.serial import run_serially
from probekit.storage.folder import Folder

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plugin.stop import TimeLimit
    from probekit.runs.run import Outcome
    from probekit.runs.session import ProgressListener
    from probekit.storage.store import Store


@dataclass(frozen=True, slots=True)
class Schedule:
    """How jobs are carried out.

    Attributes:
        store: where results are kept, and taken from.
        device: as typed; None for the fastest there is.
        force: train anew what is stored.
        timeout: seconds that each run may take.
        limit: what all runs may take; they then go one by one.
        executor: text of an executor, such as `local(jobs=2)`; None for this machine.
        jobs: runs at once on this machine; None for as many as there are cores or GPUs.
        threads: of each run; None for what OMP_NUM_THREADS says, else one.
        observers: what else observes the runs besides $PROBEKIT_OBSERVE, such as `csv(path=runs.csv)`.
        detach: leave the runs to a process that outlives this one.
    """

    store: Store
    device: str | None = None
    force: bool = False
    timeout: float | None = None
    limit: TimeLimit | None = None
    executor: str | None = None
    jobs: int | None = None
    threads: int | None = None
    detach: bool = False
    observers: tuple[str, ...] = ()

    @property
    def run_threads(self) -> int:
        """The threads that each run takes."""
        return self.threads or default_threads()

    def count_slots(self) -> int:
        """Return how many runs go at once if there are enough; an executor takes all that there are."""
        if self.executor is not None:
            return MAX_RUNS
        return self.jobs or choose_jobs(MAX_RUNS, self.run_threads, self.device, inf)

    def run_all(
        self, jobs: Sequence[Job], registry: Registry, watch: ProgressListener | None = None
    ) -> Iterator[Event]:
        """Carry out jobs and yield what happens, each plan once.

        Args:
            jobs: in the order in which they start.
            registry: where their components come from.
            watch: called with a stage and a row as a run advances; runs in this process only.

        Raises:
            UsageError: if there is no such executor or observer.
            KeyboardInterrupt: after the last event of each job, where Ctrl-C or a signal came.
        """
        observers = tuple(list_observers(self.observers, registry))
        once = list({job.plan.identity: job for job in reversed(jobs)}.values())[::-1]
        missing: list[tuple[Job, Replay | None]] = []
        for job in once:
            replay = None if self.force else self.make_replay(job)
            try:
                outcome = None if replay is None else self.find_stored(job, replay)
            except ProbekitError as error:
                yield Event(job, "failed", None, self.store.newest_run(job.plan), str(error), error)
                continue
            if outcome is None:
                missing.append((job, replay))
            else:
                yield Event(job, "stored", outcome, outcome.folder)
        if not missing:
            return
        if (executor := self.choose_executor([job for job, _ in missing])) is not None:
            yield from self.send_to(executor, missing, registry, observers)
            return
        with attach_observers(observers, registry):
            yield from run_serially(
                missing,
                registry,
                store=self.store,
                threads=self.run_threads,
                device=self.device,
                timeout=self.timeout,
                limit=self.limit,
                watch=watch,
            )

    def send_to(
        self,
        executor: str,
        missing: Sequence[tuple[Job, Replay | None]],
        registry: Registry,
        observers: Sequence[str],
    ) -> Iterator[Event]:
        """Hand jobs to an executor and yield what happens."""
        workers = make_executor(executor, registry)
        folders = prepare_folders(missing, self.store)
        command = worker_command(folders.values(), self.device, self.timeout, self.threads, observers)
        if not self.detach:
            yield from run_in_workers(folders, workers, command)
            return
        message = leave_folders(list(folders), workers, executor, command)
        for path, job in folders.items():
            yield Event(job, "planned", folder=Folder(path), message=message)

    def choose_executor(self, jobs: Sequence[Job]) -> str | None:
        """Return the text of the executor for jobs; None for this process."""
        if self.executor is not None:
            return self.executor
        threads = self.run_threads
        count = self.jobs or choose_jobs(len(jobs), threads, self.device, estimate_seconds(jobs))
        if self.detach or (count > 1 and self.limit is None):
            gpus = count if self.jobs is None and count > 1 and has_gpus(self.device) else 0
            return f"local(jobs={count},threads={threads}" + (f",gpus={gpus})" if gpus else ")")
        return None

    def make_replay(self, job: Job) -> Replay:
        """Return a replay of a job, where its runs are going to be carried out as far as that is known."""
        try:
            return Replay(job, choose_device(self.device))
        except UsageError:
            if self.executor is None:
                raise
            return Replay(job, choose_device(None))  # the workers may have the device that was typed

    def find_stored(self, job: Job, replay: Replay) -> Outcome | None:
        """Return the stored run of a job that would come out the same now; None where there is none."""
        with use_threads(self.run_threads):
            return find_stored(job, self.store, replay)


def estimate_seconds(jobs: Sequence[Job]) -> float:
    """Return about how long jobs take one by one, by what their scales say; unknown ones count as long."""
    scales = [job.probe.scales.get(job.plan.scale) for job in jobs]
    return sum(60.0 if scale is None or scale.seconds is None else scale.seconds for scale in scales)
