"""A phase is how far a run is that has no result yet: planned, running, or stopped with a checkpoint."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Literal

from probekit.errors import StoreError
from probekit.plans.plan import Plan
from probekit.storage.folder import CHECKPOINT, LOG, RESULT, Claimed, Folder

TAIL = 4096
"""Bytes of a log's end that hold its last row."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What a folder without a result says: its plan, what is going on, and the steps done of how many."""

    plan: Plan
    name: Literal["planned", "running", "stopped"]
    step: int = 0
    steps: int | None = None


def phase(folder: Folder) -> Phase:
    """Look at a folder, holding it for an instant to learn whether another process does.

    Raises StoreError where its plan cannot be read.
    """
    plan = folder.read_spec()
    step, steps = last_step(folder)
    try:
        with folder.claimed():
            begun = (folder.path / CHECKPOINT).exists()
    except Claimed:
        return Phase(plan, "running", step, steps)
    return Phase(plan, "stopped" if begun else "planned", step, steps)


def last_step(folder: Folder) -> tuple[int, int | None]:
    """Return the step of a log's last whole row, and of how many; 0 and None where there is none."""
    try:
        with (folder.path / LOG).open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            rows = file.read().splitlines()
    except OSError:
        return 0, None
    for row in reversed(rows):
        try:
            found = json.loads(row)
            return int(found["step"]), int(found["steps"]) if "steps" in found else None
        except (ValueError, TypeError, KeyError):
            continue
    return 0, None


def unfinished(folder: Folder) -> Phase | None:
    """Return the phase of a run that has no result, None where there is one or the plan cannot be read."""
    if (folder.path / RESULT).exists():
        return None
    try:
        return phase(folder)
    except StoreError:
        return None
