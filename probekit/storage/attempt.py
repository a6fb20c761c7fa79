"""An attempt is one sitting at a run; those that ended without a word, as by a crash, are counted."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from probekit.errors import RunError, StoreError
from probekit.storage import disk
from probekit.storage.folder import LOG, Folder

ATTEMPT = "attempt.json"
DEATHS = 2
"""How often a run may end its process at one place before it is not tried again unasked."""
TAIL = 4096
"""Bytes of a log's end that hold its last row."""
JOBS = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID", "RAY_JOB_ID")
"""Where queues tell a process which job it is."""


@dataclass(slots=True)
class Attempt:
    """What a sitting is at: the stage; and how often one died there, with as many rows in the log."""

    folder: Folder
    code: str = ""
    died: str = ""
    deaths: int = 0

    @contextlib.contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Keep on disk what is being done, as long as it is done."""
        at = {"stage": stage, "code": self.code, "died": self.died, "deaths": self.deaths}
        self.folder.write_json(ATTEMPT, {**at, "step": last_step(self.folder)[0], "job": job()})
        yield


def job() -> str:
    """Return the job of a queue that this process is, as "SLURM_JOB_ID 12"; "" where it is none."""
    return ", ".join(f"{name} {os.environ[name]}" for name in JOBS if os.environ.get(name))


def last_step(folder: Folder) -> tuple[int, int | None]:
    """Return the step of a log's last whole row, and of how many; 0 and None where there is none."""
    try:
        rows = disk.tail(folder.path / LOG, TAIL).splitlines()
    except StoreError:
        return 0, None
    for row in reversed(rows):
        try:
            found = json.loads(row)
            return int(found["step"]), int(found["steps"]) if "steps" in found else None
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue
    return 0, None


@contextlib.contextmanager
def attempted(folder: Folder, code: str) -> Iterator[Attempt]:
    """Begin a sitting. Raises RunError where two before it died at the same place, of the same code.

    Ctrl-C, a signal that is heard and whatever is raised are no deaths; a kill that nothing can hear is one.
    """
    place, deaths = death(folder, code)
    try:
        if deaths >= DEATHS:
            raise RunError(
                "trying it again",
                f"its process ended without a word {deaths} times at the same place ({place})",
                "See what the system says of it (memory, a crash in native code); --force tries again.",
            )
        yield Attempt(folder, code, place, deaths)
    finally:
        if not deaths >= DEATHS:
            disk.remove(folder.path / ATTEMPT)


def death(folder: Folder, code: str) -> tuple[str, int]:
    """Return where the sitting before this one died, and how many did so there in turn; "" and 0 for none.

    code: what tells the code of the components from another; a death of other code says nothing of this one.
    """
    try:
        fields = folder.read_json(ATTEMPT)
        if fields.get("code") != code:
            return "", 0
        place = f"{fields['stage']}, after {folder.log().count(bytes([10]))} rows of the log"
        return place, 1 + (int(fields["deaths"]) if fields["died"] == place else 0)
    except (StoreError, KeyError, TypeError, ValueError):  # none, or not whole: nothing rests on it
        return "", 0
