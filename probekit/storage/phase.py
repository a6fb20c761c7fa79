"""A phase is the state of a run without a result: queued, running, preempted or lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from probekit.plans.plan import Plan
from probekit.plugin.errors import StoreError
from probekit.storage.attempt import ATTEMPT, last_step
from probekit.storage.folder import CHECKPOINT, LOG, RESULT, Folder
from probekit.storage.lock import RunLocked


@dataclass(frozen=True, slots=True)
class Phase:
    """The state of a run without a result.

    Attributes:
        plan: Its plan.
        name: "queued": not begun; "running": a process holds the lock; "preempted": a process saved a
            checkpoint and ended; "lost": a process died. The last two go on from their checkpoint.
        step: Steps done.
        steps: Steps in total, if known.
        owner: The process that runs it, and its job in a queue.
        seconds_left: Seconds until a running one is done, if that can be estimated.
    """

    plan: Plan
    name: Literal["queued", "running", "preempted", "lost"]
    step: int = 0
    steps: int | None = None
    owner: str = ""
    seconds_left: float | None = None


def read_phase(folder: Folder) -> Phase:
    """Return a folder's phase; takes its lock for an instant to learn whether another process holds it.

    Raises:
        StoreError: The plan cannot be read.
    """
    plan = folder.read_spec()
    step, steps = last_step(folder)
    try:
        with folder.hold_lock():
            if (folder.path / ATTEMPT).exists():
                return Phase(plan, "lost", step, steps)
            has_checkpoint = (folder.path / CHECKPOINT).exists()
    except RunLocked as error:
        job, seconds_left = estimate_remaining(folder, step, steps)
        owner = ", ".join(filter(None, (error.owner, job)))
        return Phase(plan, "running", step, steps, owner, seconds_left)
    return Phase(plan, "preempted" if has_checkpoint else "queued", step, steps)


def estimate_remaining(folder: Folder, step: int, steps: int | None) -> tuple[str, float | None]:
    """Return the queue's job of a session and its remaining seconds, from the growth of its log.

    The seconds are None if they cannot be estimated.
    """
    try:
        fields = folder.read_json(ATTEMPT)
        seconds = (folder.path / LOG).stat().st_mtime - (folder.path / ATTEMPT).stat().st_mtime
        job, done = str(fields.get("job", "")), step - int(fields.get("step", 0))
    except (StoreError, OSError, TypeError, ValueError):
        return "", None
    if steps is None or done <= 0 or seconds <= 0:
        return job, None
    return job, (steps - step) * seconds / done


def find_unfinished(folder: Folder) -> Phase | None:
    """Return the phase of a run without a result; None if there is one or the plan cannot be read."""
    if (folder.path / RESULT).exists():
        return None
    try:
        return read_phase(folder)
    except StoreError:
        return None
