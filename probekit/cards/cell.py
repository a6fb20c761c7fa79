"""A cell is one structure on one probe at one scale: its scores, its verdict and its runs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.compare import Difference
from probekit.evidence.deciding.next_step import NextStep
from probekit.evidence.deciding.power import Outlook
from probekit.evidence.estimate import Estimate
from probekit.evidence.verdict import Verdict
from probekit.scores.interval import Interval
from probekit.storage.difficulty_curve import DifficultyCurve
from probekit.storage.result import Environment


class Score(BaseModel):
    """One metric of one structure, averaged over seeds.

    Attributes:
        mean: Mean over seeds, on the test items.
        interval: The judged interval of the mean, with the noise of seeds, if known, and of test items.
        place: The mean, normalised: 0 is the floor, 1 is perfect.
        reach: The interval, normalised, lowest end first, with the error of the floor: what is judged.
        floor: The best control's score in this metric.
        perfect: The score of a perfect answer, None if no number is perfect.
        train: Mean on the training items.
        trained: The same, normalised.
        harder: Mean on the extrapolation split.
        published: The score that a paper reports for this structure, None if there is none.
    """

    model_config = ConfigDict(frozen=True)

    mean: float | None
    interval: Interval | None = None
    place: float | None = None
    reach: tuple[float, float] | None = None
    floor: float | None = None
    perfect: float | None = None
    train: float | None = None
    trained: float | None = None
    harder: float | None = None
    published: float | None = None


class Run(BaseModel):
    """One seed of one structure.

    Attributes:
        seed: The seed.
        status: Whether the run has scores, or ended with an error.
        folder: Name of its folder in the store.
        identity: Hash of its plan.
        weights: Name of the file with the trained weights, "" if there is none.
        score: Headline score on the test items, None if it failed or the metric applies to no item.
        place: The same, normalised.
        trained: Normalised headline score on the training items.
        error: Why it failed, or "".
        spike: To what multiple of its first value the loss rose for good, None if it did not.
        unscored: Why a metric or a diagnostic is missing, by name.
        caution: Why the stored network is not the one that was scored, or why the run does not repeat, or "".
        environment: The versions, the device and the threads of the run.
    """

    model_config = ConfigDict(frozen=True)

    seed: int
    status: Literal["done", "failed"]
    folder: str
    identity: str
    weights: str
    score: float | None
    place: float | None = None
    trained: float | None = None
    error: str
    spike: float | None = None
    unscored: dict[str, str] = {}
    caution: str = ""
    environment: Environment


class Cell(BaseModel):
    """One structure on one probe at one scale.

    Attributes:
        structure: The row's label.
        resolved: The structure's canonical text.
        surveyed: Whether its runs are of the shipped survey, not of the store.
        scores: By metric, the headline first.
        verdict: Whether the structure has the property, and why.
        next_step: What would decide the verdict, None if it is decided.
        outlook: What the seeds let one predict of further ones.
        looks: With how many seeds it was judged, if seeds are added until the verdict is decided.
        standing: Comparison with the best mean of the column, "" without a rival.
        difference: Difference from the best mean.
        estimate: The mean headline score and its error, None if unknown or if seeds fall in two groups.
        parameters: Number of trained parameters.
        width: None if it is fixed.
        width_wished: The scale's width, if another one was used.
        budget_gap: Relative distance from the parameter budget.
        flops: Of one item's forward pass.
        seconds: Of training, mean over seeds.
        measured: Measurements beyond the metrics, by name, means over seeds.
        along: Difficulty curve, mean over seeds; intervals are over seeds if there are several.
        remarks: How it was measured, and what its layers amount to at their size, a sentence each.
        runs: All its seeds, also those that failed.
    """

    model_config = ConfigDict(frozen=True)

    structure: str
    resolved: str
    surveyed: bool = False
    scores: dict[str, Score]
    verdict: Verdict
    next_step: NextStep | None = None
    outlook: Outlook | None = None
    looks: tuple[int, ...] = ()
    standing: str = ""
    difference: Difference | None = None
    estimate: Estimate | None = None
    parameters: int
    width: int | None
    width_wished: int | None = None
    budget_gap: float | None
    flops: int | None
    seconds: float | None
    measured: dict[str, float]
    along: DifficultyCurve | None = None
    remarks: tuple[str, ...] = ()
    runs: tuple[Run, ...]

    @property
    def done(self) -> tuple[Run, ...]:
        """The seeds that were scored."""
        return tuple(run for run in self.runs if run.status == "done")

    @property
    def failed(self) -> tuple[Run, ...]:
        """The seeds that failed."""
        return tuple(run for run in self.runs if run.status == "failed")

    @property
    def headline(self) -> Score:
        """The first metric's score."""
        return next(iter(self.scores.values()))
