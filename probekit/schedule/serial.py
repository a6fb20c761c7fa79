"""Serial running carries out jobs one after another in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError
from probekit.plugin.stop import TimeLimit, stop
from probekit.schedule.cores import use_threads
from probekit.schedule.event import Event

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.runs.replay import Replay
    from probekit.runs.session import ProgressListener
    from probekit.storage.store import Store


def run_serially(
    jobs: Sequence[tuple[Job, Replay | None]],
    registry: Registry,
    *,
    store: Store,
    threads: int,
    device: str | None = None,
    timeout: float | None = None,
    limit: TimeLimit | None = None,
    watch: ProgressListener | None = None,
) -> Iterator[Event]:
    """Carry out jobs of different plans, and yield what happens.

    A job that another process trains comes last, and is waited for.

    Args:
        jobs: in the order in which they start, each with its replay; without one it trains anew.
        registry: where their components come from.
        store: where results are kept.
        threads: of each run.
        device: as typed; None for the fastest there is.
        timeout: seconds that each run may take.
        limit: what all of them may take; a run that it ends keeps its checkpoint, and is planned again.
        watch: called with a stage and a row as each run advances.

    Raises:
        KeyboardInterrupt: after the event of each job, where Ctrl-C or a signal came.
    """
    from probekit.runs.run import run_job
    from probekit.storage.lock import RunLocked

    queue = deque((job, replay, False) for job, replay in jobs)
    interruption: KeyboardInterrupt | None = None
    while queue:
        job, replay, is_waiting = queue.popleft()
        if interruption or (limit is not None and limit.is_over):
            yield Event(job, "planned")
            continue
        if not is_waiting:
            yield Event(job, "started")
        try:
            with use_threads(threads):
                outcome = run_job(
                    job,
                    registry,
                    device=device,
                    store=store,
                    force=replay is None,
                    replay=replay,
                    watch=watch,
                    patience=None if is_waiting else 0,
                    timeout=timeout if limit is None else limit.remaining_seconds(timeout),
                )
        except RunLocked:
            queue.append((job, replay, True))
            yield Event(job, "waiting")
            continue
        except KeyboardInterrupt as error:
            interruption = error
            stop.acknowledge_stop()
            yield Event(job, "interrupted", folder=store.newest_run(job.plan))
            continue
        except ProbekitError as error:
            yield Event(job, "failed", None, store.newest_run(job.plan), str(error), error)
            continue
        status = "stored" if outcome.stored else outcome.result.status
        if status == "failed" and limit is not None and limit.is_over:
            yield Event(job, "planned", folder=outcome.folder)
        else:
            yield Event(job, status, outcome, outcome.folder)
    if interruption:
        raise interruption
