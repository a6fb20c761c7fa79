"""Work carries out the run whose specification lies in a folder, whoever put it there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from probekit.catalog.registry import Registry
from probekit.errors import StoreError, UsageError
from probekit.plans.job import make_job
from probekit.plans.stored import changed, code_in, hold
from probekit.runs.run import carry_out
from probekit.storage.folder import Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from probekit.storage.result import Result


def work(
    path: Path,
    known: Registry,
    device: str | None = None,
    timeout: float | None = None,
    allow_code: bool = False,
    patience: float = 0,
) -> Result:
    """Carry out the run of a folder, going on from its checkpoint; return the result, as it is stored there.

    allow_code: run the Python files that the specification names, if they are those that it was made of.
    Raises UsageError where code is not allowed, StoreError where the specification is not whole or what it
    rests on has changed since, Claimed where another process is at it for longer than `patience` seconds,
    Stopped where a signal came, once a checkpoint is saved.
    """
    plan = Folder(path).read_spec()
    if (files := code_in(plan)) and not allow_code:
        found = f"it names code to run: {', '.join(files)}"
        raise UsageError(f"working at {path}", found, "Read that code; then type --allow-code.")
    hold(plan)
    job = make_job(plan.spec, known)
    if job.plan.identity != plan.identity:
        what = ", ".join(changed(plan, job.plan)) or "what it rests on"
        raise StoreError(f"working at {path}", f"{what} has changed since it was planned", "Plan it again.")
    store, folder = Store(path.parent), Folder(path)
    if folder.path not in {twin.path for twin in store.twins(job.plan)}:
        raise StoreError(
            f"working at {path}", "its name is not that of its run", "Name the folder as it was."
        )
    outcome = carry_out(
        job, known, device=device, store=store, patience=patience, timeout=timeout, only=folder
    )
    return outcome.result
