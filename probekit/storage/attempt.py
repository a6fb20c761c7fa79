"""An attempt is one session of a run; attempts that ended without an error, as in a crash, are counted."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from probekit.plugin.errors import RunError, StoreError
from probekit.storage import disk
from probekit.storage.folder import LOG, Folder

ATTEMPT = "attempt.json"
MAX_DEATHS = 2
"""How often a run may kill its process at one stage before it is no longer retried by itself."""
TAIL_BYTES = 4096
"""Enough bytes of a log's end for its last row."""
JOB_VARIABLES = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID", "RAY_JOB_ID")
"""Environment variables in which queues name the job of a process."""


@dataclass(slots=True)
class Attempt:
    """A session's record on disk.

    Attributes:
        folder: The run's folder.
        code: A digest of the components' code.
        died: The stage and the rows of the log at which the last attempt died; "" if it did not.
        deaths: How many attempts in a row died there.
    """

    folder: Folder
    code: str = ""
    died: str = ""
    deaths: int = 0

    @contextlib.contextmanager
    def record_stage(self, stage: str) -> Iterator[None]:
        """Write to disk which stage the session is in."""
        fields = {"stage": stage, "code": self.code, "died": self.died, "deaths": self.deaths}
        self.folder.write_json(ATTEMPT, {**fields, "step": last_step(self.folder)[0], "job": queue_job()})
        yield


def queue_job() -> str:
    """Return the queue's job of this process, as "SLURM_JOB_ID 12"; "" outside a queue."""
    return ", ".join(f"{name} {os.environ[name]}" for name in JOB_VARIABLES if os.environ.get(name))


def last_step(folder: Folder) -> tuple[int, int | None]:
    """Return the step of a log's last whole row and the total number of steps; 0 and None without one."""
    try:
        lines = disk.read_tail(folder.path / LOG, TAIL_BYTES).splitlines()
    except StoreError:
        return 0, None
    for line in reversed(lines):
        try:
            row = json.loads(line)
            return int(row["step"]), int(row["steps"]) if "steps" in row else None
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            continue
    return 0, None


@contextlib.contextmanager
def begin_attempt(folder: Folder, code: str) -> Iterator[Attempt]:
    """Begin an attempt.

    Ctrl-C, a handled signal and any exception do not count as deaths; a kill that cannot be handled does.

    Args:
        folder: The run's folder.
        code: A digest of the components' code.

    Raises:
        RunError: Two attempts with the same code died at the same stage.
    """
    stage, deaths = read_death(folder, code)
    try:
        if deaths >= MAX_DEATHS:
            raise RunError(
                "running it again",
                f"its process died {deaths} times at the same stage ({stage})",
                "See the system's log (memory, a crash in native code); --force tries again.",
            )
        yield Attempt(folder, code, stage, deaths)
    finally:
        if deaths < MAX_DEATHS:
            disk.remove_file(folder.path / ATTEMPT)


def read_death(folder: Folder, code: str) -> tuple[str, int]:
    """Return where the last attempt died, and how many in a row did so there; "" and 0 for none.

    A death under other code does not count: it says nothing about this one.
    """
    try:
        fields = folder.read_json(ATTEMPT)
        if fields.get("code") != code:
            return "", 0
        stage = f"{fields['stage']}, after {folder.log().count(bytes([10]))} rows of the log"
        return stage, 1 + (int(fields["deaths"]) if fields["died"] == stage else 0)
    except (StoreError, KeyError, TypeError, ValueError):  # missing or not whole: nothing depends on it
        return "", 0
