"""Parallel running hands jobs to an executor's workers and reads from the store what came of them."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import Registry
from probekit.plans.stored_plan import list_code
from probekit.plugin.errors import StoreError
from probekit.plugin.executor import DONE, FAILED, WorkerExit
from probekit.plugin.stop import REQUEUE, describe_signal, stop
from probekit.schedule.endings import check_executor, iterate_endings
from probekit.schedule.event import Event, Status
from probekit.storage.folder import Folder
from probekit.storage.phase import find_unfinished

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plugin.executor import Executor
    from probekit.runs.replay import Replay
    from probekit.storage.result import Result
    from probekit.storage.store import Store

PAUSE = 5.0
"""Seconds between two looks at runs that other processes carry out."""


def make_executor(text: str, registry: Registry) -> Executor:
    """Make the executor that a text such as `local(jobs=2)` names.

    Raises:
        UsageError: if there is no such executor, or it takes no such parameter.
        ProbekitError: if it has no method `carry_out`.
    """
    executor: Executor = resolve_part("executor", parse_term(text), registry).make()
    check_executor(executor, text)
    return executor


def prepare_folders(jobs: Sequence[tuple[Job, Replay | None]], store: Store) -> dict[Path, Job]:
    """Write the specification of each job into a folder of the store; return the jobs by folder.

    Args:
        jobs: each with its replay, which says what folders it may go on in; without one it gets a new folder.
        store: where the folders are.
    """
    folders = {}
    for job, replay in jobs:
        folder = store.new_run(job.plan) if replay is None else find_folder(job, store, replay)
        folder.check_spec(job.plan)
        folders[folder.path] = job
    return folders


def find_folder(job: Job, store: Store, replay: Replay) -> Folder:
    """Return the folder that a job goes on in, or a new one, or that of a process that was faster."""
    from probekit.runs.run import Outcome, find_or_open

    place = find_or_open(job, store, replay)
    return place.folder if isinstance(place, Outcome) else place


def worker_command(
    jobs: Collection[Job],
    device: str | None,
    timeout: float | None,
    threads: int | None,
    observers: Sequence[str] = (),
) -> list[str]:
    """Return the command line of a worker, which takes a folder as its last word."""
    command = [sys.executable, "-m", "probekit.work"]
    command += ["--device", device] if device else []
    command += ["--timeout", str(timeout)] if timeout is not None else []
    command += ["--threads", str(threads)] if threads is not None else []
    command += [word for observer in observers for word in ("--observe", observer)]
    # the user typed these jobs here, so their code may run there
    return command + (["--allow-code"] if any(list_code(job.plan) for job in jobs) else [])


def run_in_workers(
    folders: Mapping[Path, Job], executor: Executor, command: list[str]
) -> Generator[Event, None, None]:
    """Let an executor carry out the jobs of some folders, and yield what happens.

    Raises:
        KeyboardInterrupt: after the event of each job, where Ctrl-C or a signal came.
    """
    waiting_for = dict(folders)
    for path, job in folders.items():
        yield Event(job, "started", folder=Folder(path))
    try:
        with contextlib.closing(wait_for_workers(list(waiting_for), executor, command)) as endings:
            for ending in endings:
                yield make_event(waiting_for.pop(ending.folder), ending)
    except KeyboardInterrupt:
        stop.acknowledge_stop()
        for path, job in waiting_for.items():
            yield Event(job, "interrupted", folder=Folder(path))
        raise


def make_event(job: Job, ending: WorkerExit) -> Event:
    """Return the event of a job whose worker ended."""
    from probekit.runs.run import Outcome

    folder = Folder(ending.folder)
    status, result, message = read_ending(ending)
    outcome = None if result is None else Outcome(job, result, folder, stored=False)
    return Event(job, status, outcome, folder, message)


def read_ending(ending: WorkerExit) -> tuple[Status, Result | None, str]:
    """Return the status, the result and the message of a run whose worker ended, as its folder holds them."""
    if ending.code not in (DONE, FAILED):
        is_saved = ending.code == REQUEUE
        reason = ending.message if is_saved else f"it was killed by {describe_signal(-ending.code)}."
        return "interrupted", None, reason
    try:
        result = Folder(ending.folder).read_result()
    except StoreError as error:
        return "failed", None, ending.message or error.problem
    return result.status, result, result.error


def wait_for_workers(
    folders: Collection[Path], executor: Executor, command: list[str]
) -> Generator[WorkerExit, None, None]:
    """Yield each worker as it ends; a run that another process trains is waited for.

    Raises:
        ProbekitError: if the executor does not keep to its interface.
    """
    remaining = list(folders)
    while remaining:
        trained_elsewhere = []
        with contextlib.closing(iterate_endings(executor, remaining, command)) as endings:
            for ending in endings:
                if ending.code == REQUEUE and is_running(ending.folder):
                    trained_elsewhere.append(ending.folder)
                else:
                    yield ending
        if remaining := trained_elsewhere:
            time.sleep(PAUSE)


def is_running(folder: Path) -> bool:
    """Return whether a process trains a run."""
    phase = find_unfinished(Folder(folder))
    return phase is not None and phase.name == "running"
