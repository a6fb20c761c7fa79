"""A schedule is made of the options that commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.catalog.denormals import start_torch_threads
from probekit.catalog.registry import registry
from probekit.plugin.errors import UsageError
from probekit.runs.observers.attach import list_observers
from probekit.schedule.cores import default_threads
from probekit.schedule.parallel import make_executor
from probekit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from probekit.plugin.stop import TimeLimit
    from probekit.storage.store import Store


def make_schedule(
    store: Store,
    *,
    device: str | None = None,
    force: bool = False,
    timeout: float | None = None,
    limit: TimeLimit | None = None,
    executor: str | None = None,
    jobs: str | None = None,
    threads: int | None = None,
    detach: bool = False,
    observers: tuple[str, ...] = (),
) -> Schedule:
    """Return the schedule of a command, and start this process's threads.

    Raises:
        UsageError: if options exclude each other, or one has a wrong value.
    """
    count = read_jobs(jobs)
    list_observers(observers, registry())
    if executor is not None and jobs is not None:
        raise UsageError(
            "--executor and --jobs", "they exclude each other", 'Type --executor "local(jobs=4)".'
        )
    if executor is not None:
        make_executor(executor, registry())
    if limit is not None and (executor is not None or (count or 1) > 1):
        hint = "Leave one of them out; Ctrl-C stops a command, and the same command goes on."
        raise UsageError("--minutes with --executor or --jobs", "they exclude each other", hint)
    start_torch_threads(threads or default_threads())
    return Schedule(store, device, force, timeout, limit, executor, count, threads, detach, observers)


def read_jobs(text: str | None) -> int | None:
    """Return the number of runs at once that was typed; None for as many as there are cores or GPUs."""
    if text is None or text == "auto":
        return None
    if not text.isascii() or not text.isdecimal() or not 0 < len(text) < 6 or int(text) < 1:
        raise UsageError(f"--jobs {text}", "it is neither a number from 1 on nor auto", "Type --jobs 4.")
    return int(text)
