"""A run is one structure put to one probe: taken from the store where it is there, else carried out."""

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

from probekit.catalog.registry import Registry
from probekit.components import Component
from probekit.errors import StoreError, UsageError
from probekit.interfaces import Row
from probekit.plans.job import Job
from probekit.runs.machine import chosen_device
from probekit.runs.replay import Replay
from probekit.storage.attempt import last_step
from probekit.storage.claim import Claimed
from probekit.storage.folder import Folder
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch.nn import Module

    from probekit.runs.sitting import Watch

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job: its result, its folder, and whether it had been stored before."""

    job: Job
    result: Result
    folder: Folder
    stored: bool


def carry_out(
    job: Job,
    known: Registry,
    *,
    device: str | None = None,
    store: Store,
    force: bool = False,
    watch: Watch | None = None,
    patience: float | None = None,
    timeout: float | None = None,
    only: Folder | None = None,
    replay: Replay | None = None,
) -> Outcome:
    """Return the stored result of a job, or perform it; with `force`, in a new folder beside it.

    patience: seconds to wait for another process that is at it, whose result is then returned, before Claimed
    is raised; None for as long as it takes. timeout: seconds that it may take before it fails; its checkpoint
    is kept. only: the folder to work in, whatever others there are of its plan. replay: that of
    this job, where one was begun.
    """
    from probekit.runs.engine import perform

    where = chosen_device(device)
    tell = watch or (lambda stage, row: None)
    replay, begun = replay or Replay(job, where), time.monotonic()
    while True:
        if force:
            folder = store.new(job.plan)
        elif isinstance(found := find_or_open(job, store, replay, only), Outcome):
            return found
        else:
            folder = found

        def waiting(path: Path = folder.path) -> None:
            tell("wait", reached(Folder(path)))
            if patience is not None and time.monotonic() - begun > patience:
                raise Claimed(path)

        with folder.claimed(None if patience == 0 else waiting):
            if force or is_open(folder, replay):
                folder.hold_spec(job.plan)
                with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is no answer
                    return Outcome(job, perform(job, folder, known, where, watch, timeout), folder, False)


def find_or_open(job: Job, store: Store, replay: Replay, only: Folder | None = None) -> Outcome | Folder:
    """Return a stored run of a job that would come out the same now, or else the folder to train in.

    only: the one folder there is. Raises StoreError where that one holds, or has begun, another run.
    """
    while True:
        if (outcome := find_stored(job, store, replay, only)) is not None:
            return outcome
        folder = only or store.newest_or_new(job.plan, replay.rejected)
        if folder.path not in replay.rejected and is_open(folder, replay):
            return folder
        if only and only.path in replay.rejected:
            raise StoreError(f"running in {only.path}", replay.rejected[only.path], "Plan it again.")


def find_stored(job: Job, store: Store, replay: Replay, only: Folder | None = None) -> Outcome | None:
    """Return a stored run of a job that would come out the same now, the newest first; None where none would.

    Why one would not is warned of, once, and kept in `replay.rejected`. only: the one folder to look at.
    Raises StoreError where a run was edited or truncated.
    """
    for folder in reversed([only] if only else store.twins(job.plan)):
        if folder.path in replay.rejected or (result := store.read_done(folder, job.plan)) is None:
            continue
        if why := replay.compare(folder, result):
            reject(folder, why, replay)
            continue
        return Outcome(job, result.model_copy(update={"plan": job.plan}), folder, stored=True)
    return None


def is_open(folder: Folder, replay: Replay) -> bool:
    """Return whether a folder that this process holds is there to be trained in."""
    if folder.is_done():  # made while this process waited
        return False
    if why := replay.may_resume(folder):
        reject(folder, why, replay)
    return not why


def reject(folder: Folder, why: str, replay: Replay) -> None:
    """Note and warn that a run is not reused."""
    replay.rejected[folder.path] = why
    LOG.warning("%s is not reused: %s. It is kept, and a new run is made.", folder.path.name, why)


def reached(folder: Folder) -> Row:
    """Return the step that a run has come to, and of how many, as far as its log says."""
    step, steps = last_step(folder)
    return {"step": step} if steps is None else {"step": step, "steps": steps}


def named(structure: str | Callable[..., Module], known: Registry) -> tuple[str, Registry]:
    """Return the expression of a structure (of a callable py- and its name), and a registry that knows it."""
    if isinstance(structure, str):
        return structure, known
    if not callable(structure):
        asked = f"structure {structure!r}"
        raise UsageError(
            asked, "it is neither text nor callable", "Give 'unet+lambda' or a function that builds a Module."
        )
    words = re.findall(r"[a-z0-9]+", getattr(structure, "__name__", "").lower())
    about = (inspect.getdoc(structure) or "given from Python").partition("\n")[0]
    given = Component("structure", "-".join(["py", *(words or ["callable"])]), structure, about)
    return given.name, known.with_components(given)
