"""Detaching leaves runs to a process, or a queue, that outlives the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.catalog.process import make_child_environment

if TYPE_CHECKING:
    from probekit.plugin.executor import Executor

LOGS = ".detached"
"""The folder, in the store, for the logs of detached processes."""


def leave_folders(folders: list[Path], executor: Executor, name: str, command: list[str]) -> str:
    """Leave runs to an executor that outlives this process, and return in words where they are.

    Args:
        folders: of the runs, each with its specification.
        executor: the executor; one with `submit` has a queue of its own.
        name: its text, such as `local(jobs=2)`.
        command: a worker's command line.
    """
    if submit := getattr(executor, "submit", None):
        return str(submit(folders, command))
    process, log = start_detached(name, folders, command)
    shown = os.path.relpath(log)
    return f"process {process}, with its log in {shown}; `kill {process}` stops it and saves"


def start_detached(executor: str, folders: list[Path], command: list[str]) -> tuple[int, Path]:
    """Start a process in its own session that carries out runs; return its number and its log."""
    logs = folders[0].parent / LOGS
    logs.mkdir(exist_ok=True)
    path = logs / f"{len(list(logs.iterdir()))}-{os.getpid()}.log"
    with path.open("xb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "probekit.detached"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=make_child_environment(),
            start_new_session=True,
        )
    fields = {"executor": executor, "folders": [str(folder) for folder in folders], "command": command}
    assert process.stdin is not None
    process.stdin.write(json.dumps(fields).encode())
    process.stdin.close()
    return process.pid, path
