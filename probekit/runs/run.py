"""Carries out a job: takes its result from the store if it is there, else runs it."""

from __future__ import annotations

import contextlib
import inspect
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.catalog.modules import check_unbuilt
from probekit.catalog.registry import Registry
from probekit.catalog.signature import takes_channels
from probekit.plans.job import Job
from probekit.plugin.components import Component, Kind
from probekit.plugin.errors import StoreError, UsageError
from probekit.plugin.interfaces import Row
from probekit.runs.machine import choose_device
from probekit.runs.replay import Replay
from probekit.storage.attempt import last_step
from probekit.storage.folder import Folder
from probekit.storage.lock import RunLocked
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch.nn import Module

    from probekit.runs.session import ProgressListener

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job's result and folder, and whether it was already stored."""

    job: Job
    result: Result
    folder: Folder
    stored: bool


def run_job(
    job: Job,
    registry: Registry,
    *,
    device: str | None = None,
    store: Store,
    force: bool = False,
    watch: ProgressListener | None = None,
    patience: float | None = None,
    timeout: float | None = None,
    only: Folder | None = None,
    replay: Replay | None = None,
) -> Outcome:
    """Return the stored result of a job, or run it.

    Args:
        job: The job.
        registry: The installed components.
        device: The device's name; None for the best this machine has.
        store: The store.
        force: Whether to run it in a new folder although it is stored.
        watch: Called with each progress event.
        patience: Seconds to wait for another process that runs it, whose result is then returned; None
            to wait without limit.
        timeout: Seconds until the run fails; its checkpoint is kept.
        only: The folder to work in; other folders of the plan are ignored.
        replay: The replay of this job, if one was begun.

    Raises:
        RunLocked: Another process runs it for longer than `patience`.
        StoreError: The disk refuses, or a stored run was edited or truncated.
    """
    from probekit.runs.engine import execute_job

    torch_device = choose_device(device)
    report = watch or (lambda stage, row: None)
    replay, start = replay or Replay(job, torch_device), time.monotonic()
    while True:
        if force:
            folder = store.new_run(job.plan)
        elif isinstance(stored := find_or_open(job, store, replay, only), Outcome):
            return stored
        else:
            folder = stored

        def wait_for_lock(path: Path = folder.path) -> None:
            report("wait", read_progress(Folder(path)))
            if patience is not None and time.monotonic() - start > patience:
                raise RunLocked(path)

        with folder.hold_lock(None if patience == 0 else wait_for_lock):
            if force or is_open(folder, replay):
                folder.check_spec(job.plan)
                with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is not our output
                    result = execute_job(job, folder, registry, torch_device, watch, timeout)
                return Outcome(job, result, folder, stored=False)


def find_or_open(job: Job, store: Store, replay: Replay, only: Folder | None = None) -> Outcome | Folder:
    """Return a stored run of a job that would come out the same now, else the folder to train in.

    Args:
        job: The job.
        store: The store.
        replay: What the job does now.
        only: The one folder to look at.

    Raises:
        StoreError: That folder holds, or has begun, another run.
    """
    while True:
        if (outcome := find_stored(job, store, replay, only)) is not None:
            return outcome
        folder = only or store.newest_or_new_run(job.plan, replay.rejected)
        if folder.path not in replay.rejected and is_open(folder, replay):
            return folder
        if only and only.path in replay.rejected:
            hint = "Start it again with `probekit run`."
            raise StoreError(f"running in {only.path}", replay.rejected[only.path], hint)


def find_stored(job: Job, store: Store, replay: Replay, only: Folder | None = None) -> Outcome | None:
    """Return the newest stored run of a job that would come out the same now, or None.

    Warns once about each run that would not, and stores the reason in `replay.rejected`.

    Args:
        job: The job.
        store: The store.
        replay: What the job does now.
        only: The one folder to look at.

    Raises:
        StoreError: A run was edited or truncated.
    """
    for folder in reversed([only] if only else store.reruns(job.plan)):
        if folder.path in replay.rejected or (result := store.read_done(folder, job.plan)) is None:
            continue
        if reason := replay.compare_run(folder, result):
            reject_run(folder, reason, replay)
            continue
        return Outcome(job, result.model_copy(update={"plan": job.plan}), folder, stored=True)
    return None


def is_open(folder: Folder, replay: Replay) -> bool:
    """Return whether this process may train in a folder."""
    if folder.is_done():  # another process finished it while this one waited
        return False
    if reason := replay.may_resume(folder):
        reject_run(folder, reason, replay)
    return not reason


def reject_run(folder: Folder, reason: str, replay: Replay) -> None:
    """Record and warn that a run is not reused."""
    replay.rejected[folder.path] = reason
    LOGGER.warning("%s is not reused: %s. It is kept, and a new run is made.", folder.path.name, reason)


def read_progress(folder: Folder) -> Row:
    """Return the step that a run has reached, and the number of steps, if its log has it."""
    step, steps = last_step(folder)
    return {"step": step} if steps is None else {"step": step, "steps": steps}


def register_callable(structure: str | Callable[..., Module], registry: Registry) -> tuple[str, Registry]:
    """Return a structure's expression, and a registry that knows it.

    Args:
        structure: An expression, or a callable that builds a module and becomes `py-NAME`. One whose first
            parameters are channels and size is a layer, and the probe's own structure hosts it.
        registry: The installed components.

    Raises:
        UsageError: The structure is neither text nor callable, or it is a module that is built already.
    """
    if isinstance(structure, str):
        return structure, registry
    if not callable(structure):
        request = f"structure {structure!r}"
        raise UsageError(
            request,
            "it is neither text nor callable",
            "Pass 'unet+lambda' or a function that builds a Module.",
        )
    check_unbuilt(structure, f"structure {type(structure).__name__}(...)")
    words = re.findall(r"[a-z0-9]+", getattr(structure, "__name__", "").lower())
    about = (inspect.getdoc(structure) or "given from Python").partition("\n")[0]
    kind: Kind = "layer" if takes_channels(structure) else "structure"
    component = Component(kind, "-".join(["py", *(words or ["callable"])]), structure, about)
    return component.name, registry.with_components(component)
