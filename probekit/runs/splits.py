"""A probe's splits for one seed, drawn once per process and cached for the next runs."""

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

CACHED_SPLITS = 3
"""A grid runs several structures on the same few seeds."""


class Splits:
    """A probe's splits, and the scores of its closed-form controls on them.

    Attributes:
        harder: The extrapolation split; None if the probe has none.
    """

    def __init__(self, probe: Probe, seed: int) -> None:
        self.probe = probe
        self.train: Dataset = probe.data("train", seed)
        self.validation: Dataset = probe.data("validation", seed)
        self.test: Dataset = probe.data("test", seed)
        has_extrapolation = "harder" in splits_of(probe)
        self.harder: Dataset | None = split_of(probe, "harder", seed) if has_extrapolation else None

    @functools.cached_property
    def controls(self) -> dict[str, Scores]:
        """The closed-form controls' scores, fitted on first access."""
        return controls(self.probe, self.train, self.test)

    @functools.cached_property
    def ceiling(self) -> float | None:
        """The expected score of an optimal solver on the test items, in the headline metric."""
        return ceiling(self.probe, self.test, len(self.test))

    def draw_items(self, report: Callable[[str, Row], None]) -> None:
        """Draw the items that have not been drawn, and report progress."""
        for split in filter(None, (self.train, self.validation, self.test, self.harder)):
            for count in materialised(split):
                report("prepare", {"step": count, "steps": len(split)})


_cache: dict[tuple[object, str, int], Splits] = {}


def splits(job: Job) -> Splits:
    """Return the splits of a job's probe and seed; the oldest cached ones are dropped.

    Raises:
        RunError: The probe's data are not those of the version it states.
    """
    key = (job.source.target, job.plan.probe, job.plan.seed)
    if key not in _cache:
        if (mismatch := broken(job.source)) is not None:
            raise RunError(f"drawing the data of {job.source.shown}", *mismatch)
        while len(_cache) >= CACHED_SPLITS:
            del _cache[next(iter(_cache))]
        _cache[key] = Splits(job.probe, job.plan.seed)
    return _cache[key]
