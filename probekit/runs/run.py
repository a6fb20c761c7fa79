"""A run is one structure put to one probe: taken from the store where it is there, else carried out."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probekit.catalog.registry import Registry
from probekit.components import Component
from probekit.errors import UsageError
from probekit.interfaces import Row
from probekit.plans.job import Job
from probekit.runs.machine import chosen_device
from probekit.storage.attempt import last_step
from probekit.storage.claim import Claimed
from probekit.storage.folder import Folder
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch.nn import Module

    from probekit.runs.sitting import Watch


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
) -> Outcome:
    """Return the stored result of a job, or perform it; with `force`, in a new folder beside it.

    patience: seconds to wait for another process that is at it, whose result is then returned, before Claimed
    is raised; None for as long as it takes. timeout: seconds that it may take before it fails; its checkpoint
    is kept.
    """
    from probekit.runs.engine import perform

    where = chosen_device(device)
    tell = watch or (lambda stage, row: None)
    if not force and (outcome := kept(job, store)) is not None:
        return outcome
    folder = store.new(job.plan) if force else store.newest_or_new(job.plan)
    begun = time.monotonic()

    def waiting() -> None:
        tell("wait", reached(folder))
        if patience is not None and time.monotonic() - begun > patience:
            raise Claimed(folder.path)

    with folder.claimed(None if patience == 0 else waiting):
        if not force and (outcome := kept(job, store)) is not None:  # made while this process waited
            return outcome
        folder.hold_spec(job.plan)
        with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints is no answer
            return Outcome(job, perform(job, folder, known, where, watch, timeout), folder, stored=False)


def reached(folder: Folder) -> Row:
    """Return the step that a run has come to, and of how many, as far as its log says."""
    step, steps = last_step(folder)
    return {"step": step} if steps is None else {"step": step, "steps": steps}


def kept(job: Job, store: Store) -> Outcome | None:
    """Return what the store holds of a job, as it is asked for now and with the noise as it is known now."""
    found = store.find(job.plan)
    if found is None:
        return None
    result, folder = found
    return Outcome(job, result.model_copy(update={"plan": job.plan}), folder, stored=True)


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
