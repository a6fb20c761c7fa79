"""Carries out the run whose specification lies in a folder, whoever put it there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from probekit.catalog.registry import Registry
from probekit.plans.job import make_job
from probekit.plans.stored_plan import check_code, list_changes, list_code
from probekit.plugin.errors import StoreError, UsageError
from probekit.runs.run import run_job
from probekit.storage.folder import Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from probekit.storage.result import Result


def run_folder(
    path: Path,
    registry: Registry,
    device: str | None = None,
    timeout: float | None = None,
    allow_code: bool = False,
    patience: float = 0,
) -> Result:
    """Carry out a folder's run, from its checkpoint if there is one.

    Args:
        path: The folder.
        registry: The installed components.
        device: As for `run_job`.
        timeout: As for `run_job`.
        allow_code: Whether to run the Python files that the specification names, if they have not changed.
        patience: Seconds to wait for another process that holds the folder's lock.

    Returns:
        The result, which is also stored in the folder.

    Raises:
        UsageError: The specification names code, and `allow_code` is false.
        StoreError: The specification is not whole, or its components have changed.
        RunLocked: Another process held the lock for too long.
        Stopped: A signal came; a checkpoint is saved.
    """
    plan = Folder(path).read_spec()
    if (files := list_code(plan)) and not allow_code:
        problem = f"it names code to run: {', '.join(files)}"
        raise UsageError(f"running {path}", problem, "Read that code; then type --allow-code.")
    check_code(plan)
    job = make_job(plan.spec, registry)
    if job.plan.identity != plan.identity:
        changes = ", ".join(list_changes(plan, job.plan)) or "what it depends on"
        raise StoreError(
            f"running {path}",
            f"{changes} has changed since it was planned",
            "Start it again with `probekit run`.",
        )
    store, folder = Store(path.parent), Folder(path)
    if folder.path not in {rerun.path for rerun in store.reruns(job.plan)}:
        problem = "its name is not the name of its run"
        raise StoreError(
            f"running {path}", problem, f"Give the folder the name of its run, {job.plan.folder}."
        )
    outcome = run_job(
        job, registry, device=device, store=store, patience=patience, timeout=timeout, only=folder
    )
    return outcome.result
