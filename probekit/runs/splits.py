"""Splits are a probe's data for one seed, drawn once in a process and kept for the runs that follow."""

from __future__ import annotations

import functools
from collections.abc import Callable

from probekit.errors import RunError
from probekit.interfaces import Dataset, Probe, Row
from probekit.items import materialised
from probekit.plans.golden import broken, split_of, splits_of
from probekit.plans.job import Job
from probekit.scores.score import ceiling, controls
from probekit.storage.result import Scores

KEPT = 3
"""A grid puts several structures to the same few seeds."""


class Splits:
    """A probe with its three splits, and what its closed-form controls score on them."""

    def __init__(self, probe: Probe, seed: int) -> None:
        self.probe = probe
        self.train: Dataset = probe.data("train", seed)
        self.validation: Dataset = probe.data("validation", seed)
        self.test: Dataset = probe.data("test", seed)
        beyond = "harder" in splits_of(probe)
        self.harder: Dataset | None = split_of(probe, "harder", seed) if beyond else None

    @functools.cached_property
    def controls(self) -> dict[str, Scores]:
        """What the closed-form controls score, fitted when first asked for."""
        return controls(self.probe, self.train, self.test)

    @functools.cached_property
    def ceiling(self) -> float | None:
        """What the best of solvers expects of the test items in the headline metric."""
        return ceiling(self.probe, self.test, len(self.test))

    def draw(self, tell: Callable[[str, Row], None]) -> None:
        """Draw what has not been drawn, telling how far it is."""
        for split in filter(None, (self.train, self.validation, self.test, self.harder)):
            for drawn in materialised(split):
                tell("prepare", {"step": drawn, "steps": len(split)})


_kept: dict[tuple[object, str, int], Splits] = {}


def splits(job: Job) -> Splits:
    """Return the splits of a job's probe and seed; the oldest of those kept gives way.

    Raises RunError where the probe's data are not those of the version it states.
    """
    key = (job.source.target, job.plan.probe, job.plan.seed)
    if key not in _kept:
        if (found := broken(job.source)) is not None:
            raise RunError(f"drawing the data of {job.source.shown}", *found)
        while len(_kept) >= KEPT:
            del _kept[next(iter(_kept))]
        _kept[key] = Splits(job.probe, job.plan.seed)
    return _kept[key]
