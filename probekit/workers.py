"""What executors, and trainers that start processes, may rely on besides probekit.plugin."""

from __future__ import annotations

from probekit.catalog.denormals import is_flushing_denormals
from probekit.catalog.files import list_sources, run_source
from probekit.catalog.process import (
    HANDLER_SECONDS,
    HASH_SEED,
    THREAD_SECONDS,
    exit_promptly,
    make_child_environment,
)
from probekit.schedule.worker import PAUSE, read_last_line, start_worker, stop_worker, wait_for_worker
from probekit.storage import disk
from probekit.storage.folder import MAX_FILE, RESULT, Folder
from probekit.storage.lock import LEASE, LOCK

__all__ = [
    "HANDLER_SECONDS",
    "HASH_SEED",
    "LEASE",
    "LOCK",
    "MAX_FILE",
    "PAUSE",
    "RESULT",
    "THREAD_SECONDS",
    "Folder",
    "disk",
    "exit_promptly",
    "is_flushing_denormals",
    "list_sources",
    "make_child_environment",
    "read_last_line",
    "run_source",
    "start_worker",
    "stop_worker",
    "wait_for_worker",
]
