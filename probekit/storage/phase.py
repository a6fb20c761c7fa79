"""A phase is how far a run is that has no result yet: queued, running, preempted or lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from probekit.errors import StoreError
from probekit.plans.plan import Plan
from probekit.storage.attempt import ATTEMPT, last_step
from probekit.storage.claim import Claimed
from probekit.storage.folder import CHECKPOINT, LOG, RESULT, Folder


@dataclass(frozen=True, slots=True)
class Phase:
    """What a folder without a result says: its plan, what is going on, and the steps done of how many.

    name: "queued" where nobody began it; "running" where a process holds it, `by` which; "preempted" where
    one saved a checkpoint and ended; "lost" where one ended without a word, as when it is killed. The last
    two go on from the checkpoint there is. left: seconds that one that runs needs yet.
    """

    plan: Plan
    name: Literal["queued", "running", "preempted", "lost"]
    step: int = 0
    steps: int | None = None
    by: str = ""
    left: float | None = None


def phase(folder: Folder) -> Phase:
    """Look at a folder, holding it for an instant to learn whether another process does.

    Raises StoreError where its plan cannot be read.
    """
    plan = folder.read_spec()
    step, steps = last_step(folder)
    try:
        with folder.claimed():
            if (folder.path / ATTEMPT).exists():
                return Phase(plan, "lost", step, steps)
            begun = (folder.path / CHECKPOINT).exists()
    except Claimed as claim:
        job, left = pace(folder, step, steps)
        return Phase(plan, "running", step, steps, ", ".join(filter(None, (claim.by, job))), left)
    return Phase(plan, "preempted" if begun else "queued", step, steps)


def pace(folder: Folder, step: int, steps: int | None) -> tuple[str, float | None]:
    """Return which job a sitting is, and the seconds it needs yet, as its log grew since training began; None
    where that cannot be told."""
    try:
        fields = folder.read_json(ATTEMPT)
        passed = (folder.path / LOG).stat().st_mtime - (folder.path / ATTEMPT).stat().st_mtime
        job, done = str(fields.get("job", "")), step - int(fields.get("step", 0))
    except (StoreError, OSError, TypeError, ValueError):
        return "", None
    known = steps is not None and done > 0 and passed > 0
    return job, (steps - step) * passed / done if known and steps is not None else None


def unfinished(folder: Folder) -> Phase | None:
    """Return the phase of a run that has no result, None where there is one or the plan cannot be read."""
    if (folder.path / RESULT).exists():
        return None
    try:
        return phase(folder)
    except StoreError:
        return None
