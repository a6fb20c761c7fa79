"""A session is one process's work on a run, and the checks around each of its stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from probekit.catalog.isolation import Isolation
from probekit.plugin.interfaces import Row
from probekit.plugin.stop import TimeLimit, stop
from probekit.storage.attempt import Attempt

ProgressListener = Callable[[str, Row], None]
"""Called with the stage ("prepare", "train", "score" or "wait") and a row of progress."""


@dataclass(frozen=True, slots=True)
class Session:
    """One process's work on a run.

    Attributes:
        attempt: Counts the sessions that died.
        isolation: Restores what code changes in the process.
        limit: The session's time limit.
        report: Called with each progress event.
    """

    attempt: Attempt
    isolation: Isolation
    limit: TimeLimit
    report: ProgressListener

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run a stage.

        Raises:
            Stopped: A signal came before it.
            TimedOut: The time was over at its end.
        """
        stop.raise_if_stopped()
        with self.attempt.record_stage(name), self.isolation.guard(name):
            yield
        self.limit.raise_if_over()
