"""A sitting is one process's time at a run, and what is held around each thing that is done in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from probekit.catalog.isolation import Isolation
from probekit.interfaces import Row
from probekit.stop import Limit, stop
from probekit.storage.attempt import Attempt

Watch = Callable[[str, Row], None]


@dataclass(frozen=True, slots=True)
class Sitting:
    """Its attempt, by which deaths are counted; its isolation, its limit, and who is told how far it is."""

    attempt: Attempt
    isolation: Isolation
    limit: Limit
    tell: Watch

    @contextmanager
    def of(self, doing: str) -> Iterator[None]:
        """Hold while something is done.

        Raises Stopped where a signal came before, TimedOut where the time was over by its end.
        """
        stop.check()
        with self.attempt.of(doing), self.isolation.of(doing):
            yield
        self.limit.check()
