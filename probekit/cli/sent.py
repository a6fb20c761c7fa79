"""Runs are sent to an executor and watched through the store: what lies there is all that counts."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from probekit.catalog.grammar import parse_term
from probekit.catalog.part import part
from probekit.catalog.process import environment
from probekit.catalog.registry import registry
from probekit.cli.grid import described
from probekit.cli.live import Ahead
from probekit.cli.messages import near, note, say
from probekit.errors import StoreError, UsageError
from probekit.executor import DONE, FAILED, Ended
from probekit.plans.stored import code_in
from probekit.stop import REQUEUE, signal_name, stop
from probekit.storage.folder import Folder
from probekit.storage.phase import unfinished

if TYPE_CHECKING:
    from pathlib import Path

    from probekit.executor import Executor
    from probekit.plans.job import Job
    from probekit.runs.run import Outcome
    from probekit.storage.store import Store

PAUSE = 5.0
"""Seconds between two looks at runs that other processes carry out."""

LOGS = ".detached"
"""Where, in the store, processes that outlive a command say what they do."""


def either(executor: str | None, jobs: int | None) -> str | None:
    """Return what --executor or --jobs says, None where neither does; raises UsageError where both do."""
    if executor is not None and jobs is not None:
        found = "they exclude each other"
        raise UsageError("--executor and --jobs", found, 'Type --executor "local(jobs=4)".')
    return executor if jobs is None else f"local(jobs={jobs})"


def executor_of(text: str) -> Executor:
    """Make an executor of what was typed, as local(jobs=2); raises UsageError where there is none of it."""
    made: Executor = part("executor", parse_term(text), registry()).make()
    return made


def send_all(
    jobs: list[Job],
    workers: Executor,
    device: str | None,
    store: Store,
    force: bool,
    timeout: float | None = None,
) -> tuple[list[dict[str, Any]], list[Outcome], KeyboardInterrupt | None]:
    """Carry out by an executor what the store lacks; return what `carry_out_all` does."""
    from probekit.runs.run import Outcome

    rows, outcomes, sent = laid_out(jobs, device, store, force)
    stopped: KeyboardInterrupt | None = None
    try:
        for event in quietly(ended(workers, sent, device, timeout)):
            job, folder, code = sent[event.folder], Folder(event.folder), event.code
            name = job.plan.identity
            if code in (DONE, FAILED):
                try:
                    result = folder.read_result()
                except StoreError as error:
                    say(f"{job.name} failed: {event.said or error.found}")
                    rows[name] = described(job, "failed", folder)
                    continue
                outcomes[name] = Outcome(job, result, folder, stored=False)
                rows[name] = described(job, result.status, folder, result)
                if result.status == "failed":
                    say(f"{job.name} failed: {result.error} See {near(folder.path)}.")
            else:
                why = event.said if code == REQUEUE else f"it was killed by {signal_name(-code)}."
                say(f"{job.name}: {why} The same command goes on from its checkpoint.")
                rows[name] = described(job, "interrupted", folder)
    except KeyboardInterrupt as error:
        stopped = error
        stop.taken()
        if hasattr(workers, "submit"):
            note("What is in the queue stays there; `probekit status` shows how far it is.")
        rows = {
            name: {**row, "status": "interrupted"} if row["status"] == "planned" else row
            for name, row in rows.items()
        }
    names = dict.fromkeys(job.plan.identity for job in jobs)
    return [rows[name] for name in names], [outcomes[name] for name in names if name in outcomes], stopped


def laid_out(
    jobs: list[Job], device: str | None, store: Store, force: bool
) -> tuple[dict[str, dict[str, Any]], dict[str, Outcome], dict[Path, Job]]:
    """Lay specifications of what is missing into the store; return by identity each run's row and what is
    stored, and by folder what is to be done."""
    from probekit.runs.machine import chosen_device
    from probekit.runs.replay import Replay
    from probekit.runs.run import Outcome, find_or_open

    rows: dict[str, dict[str, Any]] = {}
    outcomes: dict[str, Outcome] = {}
    sent: dict[Path, Job] = {}
    try:
        where = chosen_device(device)
    except UsageError:  # the workers may have it
        where = chosen_device(None)
    for job in jobs:
        name = job.plan.identity
        if name in rows:
            continue
        if force:
            folder = store.new(job.plan)
        elif isinstance(found := find_or_open(job, store, Replay(job, where)), Outcome):
            rows[name], outcomes[name] = described(job, "stored", found.folder, found.result), found
            continue
        else:
            folder = found
        folder.hold_spec(job.plan)
        rows[name], sent[folder.path] = described(job, "planned", folder), job
    return rows, outcomes, sent


def detach_all(
    jobs: list[Job],
    typed: str,
    device: str | None,
    store: Store,
    force: bool,
    timeout: float | None = None,
) -> list[dict[str, Any]]:
    """Leave what the store lacks to an executor that outlives this process; return a row each run."""
    workers = executor_of(typed)
    rows, _, sent = laid_out(jobs, device, store, force)
    if sent:
        command, folders = command_of(sent, device, timeout), list(sent)
        if submit := getattr(workers, "submit", None):
            where = submit(folders, command)
        else:
            process, log = detached(typed, folders, command)
            where = (
                f"process {process}, which says what it does in {near(log)}; kill {process} stops it, saved"
            )
        note(f"{len(sent)} runs are left to {where}. `probekit status` shows how far they are.")
    return [rows[name] for name in dict.fromkeys(job.plan.identity for job in jobs)]


def detached(executor: str, folders: list[Path], command: list[str]) -> tuple[int, Path]:
    """Start a process that carries out runs, in a session of its own; return its number and its log."""
    logs = folders[0].parent / LOGS
    logs.mkdir(exist_ok=True)
    log = logs / f"{len(list(logs.iterdir()))}-{os.getpid()}.log"
    with log.open("xb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "probekit.detached"],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env=environment(),
            start_new_session=True,
        )
    fields = {"executor": executor, "folders": [str(one) for one in folders], "command": command}
    assert process.stdin is not None
    process.stdin.write(json.dumps(fields).encode())
    process.stdin.close()
    return process.pid, log


def ended(
    workers: Executor, sent: dict[Path, Job], device: str | None, timeout: float | None
) -> Generator[Ended, None, None]:
    """Yield each worker as it ends, and show how many have."""
    command, left = command_of(sent, device, timeout), list(sent)
    ahead = Ahead(sent)
    with ahead:
        while left:
            elsewhere = []
            with contextlib.closing(iterator(workers, left, command)) as events:
                for event in events:
                    if event.code == REQUEUE and at_it(event.folder):
                        elsewhere.append(event.folder)
                        continue
                    ahead.step(event.folder)
                    yield event
            if left := elsewhere:
                note(f"{len(left)} runs are carried out by other processes; they are waited for.")
                time.sleep(PAUSE)


def command_of(sent: dict[Path, Job], device: str | None, timeout: float | None) -> list[str]:
    """Return the words of a worker, to which a folder is added."""
    command = [sys.executable, "-m", "probekit.work"]
    command += ["--device", device] if device else []
    command += ["--timeout", str(timeout)] if timeout is not None else []
    # what was typed here may be run there, and nothing else
    return command + (["--allow-code"] if any(code_in(job.plan) for job in sent.values()) else [])


def quietly(events: Generator[Ended, None, None]) -> Iterator[Ended]:
    """Yield what an executor yields; what it, or a library under it, prints meanwhile is no answer."""
    with contextlib.closing(events):
        while True:
            with contextlib.redirect_stdout(sys.stderr):
                event = next(events, None)
            if event is None:
                return
            yield event


def at_it(folder: Path) -> bool:
    """Tell whether a process is at a run."""
    found = unfinished(Folder(folder))
    return found is not None and found.name == "running"


def iterator(workers: Executor, folders: list[Path], command: list[str]) -> Generator[Ended, None, None]:
    """Return the executor's events as a generator, which ends its workers when it is closed."""
    yield from workers.carry_out(folders, command)
