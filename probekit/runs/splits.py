"""A probe's splits for one seed, drawn once per process and cached for the next runs."""

from __future__ import annotations

import functools
from collections.abc import Callable

from probekit.plans.golden import check_golden, list_splits, load_split
from probekit.plans.job import Job
from probekit.plans.scale import copy_with
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Dataset, Probe, Row, Split
from probekit.plugin.items import draw_split
from probekit.scores.score import expected_ceiling, score_controls
from probekit.storage.result import Scores

TRAINER_SPLITS = ("train", "validation")
"""The splits that a trainer may read; the others are only scored."""
CACHED_SPLITS = 3
"""A grid runs several structures on the same few seeds."""


class Splits:
    """A probe's splits, and the scores of its closed-form controls on them.

    Attributes:
        extrapolation: The extrapolation split; None if the probe has none.
    """

    def __init__(self, probe: Probe, seed: int) -> None:
        self.probe = probe
        self.train: Dataset = probe.data("train", seed)
        self.validation: Dataset = probe.data("validation", seed)
        self.test: Dataset = probe.data("test", seed)
        has_extrapolation = "harder" in list_splits(probe)
        self.extrapolation: Dataset | None = load_split(probe, "harder", seed) if has_extrapolation else None

    @functools.cached_property
    def controls(self) -> dict[str, Scores]:
        """The closed-form controls' scores, fitted on first access."""
        return score_controls(self.probe, self.train, self.test)

    @functools.cached_property
    def ceiling(self) -> float | None:
        """The expected score of an optimal solver on the test items, in the headline metric."""
        return expected_ceiling(self.probe, self.test, len(self.test))

    def draw_items(self, report: Callable[[str, Row], None]) -> None:
        """Draw the items that have not been drawn, and report progress."""
        for split in filter(None, (self.train, self.validation, self.test, self.extrapolation)):
            for count in draw_split(split):
                report("prepare", {"step": count, "steps": len(split)})


class TrainerData:
    """A probe's method `data` as a trainer sees it: it refuses the splits that are only scored.

    Args:
        probe: The probe.
    """

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def __call__(self, split: Split, seed: int) -> Dataset:
        """Return a split.

        Raises:
            RunError: A trainer may not read the split.
        """
        if split not in TRAINER_SPLITS:
            allowed = " and ".join(TRAINER_SPLITS)
            problem = f"a trainer may read {allowed} only: scores on other items would mean nothing"
            raise RunError(
                f"the trainer asked for the split {split!r}", problem, "Read 'validation' instead."
            )
        return load_split(self.probe, split, seed)


def make_trainer_view(probe: Probe) -> Probe:
    """Return a copy of a probe that refuses a trainer the splits that are only scored."""
    return copy_with(probe, "data", TrainerData(probe))


_cache: dict[tuple[object, ...], Splits] = {}


def load_splits(job: Job) -> Splits:
    """Return the splits of a job's probe and seed; the oldest cached ones are dropped.

    Raises:
        RunError: The probe's data are not those of the version it states.
    """
    key = (job.source.target, job.plan.probe, *job.plan.added_metrics, job.plan.seed)
    if key not in _cache:
        if (mismatch := check_golden(job.source)) is not None:
            raise RunError(f"drawing the data of {job.source.display_name}", *mismatch)
        while len(_cache) >= CACHED_SPLITS:
            del _cache[next(iter(_cache))]
        _cache[key] = Splits(job.scored_probe, job.plan.seed)
    return _cache[key]
