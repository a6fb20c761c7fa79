"""A result is what a run stored: scores, raw and normalised, floors, the network's cost, the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FiniteFloat

from probekit.plain import escape_lookalikes, make_plain, render_html_table
from probekit.plans.finite import drop_nonfinite, finite_or_none
from probekit.plans.plan import Plan
from probekit.storage.behaviour import Behaviour
from probekit.storage.difficulty_curve import DifficultyCurve

Number = Annotated[float | None, AfterValidator(finite_or_none)]
"""None if it is not finite, whoever wrote it."""
Scores = dict[str, Number]
Intervals = dict[str, tuple[float, float]]
FORMAT = 3
"""Raise it when the fields of a result change."""


class Environment(BaseModel):
    """Where a run happened; recorded, but not part of its identity.

    Attributes:
        machine: The kind of processor.
    """

    model_config = ConfigDict(frozen=True)

    probekit: str
    torch: str
    python: str
    device: str
    threads: int
    denormals: Literal["kept", "flushed"] = "kept"
    machine: str = ""

    def describe_changes(self, was: Mapping[str, Any]) -> list[str]:
        """Return in words how this environment differs from an earlier one's fields.

        The kind of processor is left out: a run may go on on another.
        """
        current = self.model_dump(exclude={"machine"})
        before = {"denormals": "kept", **was}
        return [
            f"{key} was {before.get(key)}, here {value}"
            for key, value in current.items()
            if before.get(key) != value
        ]


def drop_nonfinite_intervals(intervals: Intervals) -> Intervals:
    """Return the intervals that have two finite ends."""
    return {name: ends for name, ends in intervals.items() if None not in map(finite_or_none, ends)}


class Result(BaseModel):
    """The result of a run.

    A score of None belongs to a metric that applies to no item or is not finite for one.

    Attributes:
        metrics: Means over the test split.
        train: Means over as many training items.
        validation: Means over the validation split, by which a recipe may be chosen.
        harder: Means over the extrapolation split, if the probe has one.
        unscored: Why a score is None, by name; of other splits as train/NAME.
        spike: The multiple of its first value to which the loss rose without recovering; None if
            training stayed stable.
        controls: Each closed-form control's means on the same test items, by name.
        floors: The best of these.
        ceiling: The expected score of an optimal solver in the headline metric; None for a probe that
            leaves nothing to guess.
        intervals: 95 % intervals of the test means over items; one seed says nothing about the noise
            between seeds.
        counts: The number of items behind each interval.
        measured: Properties that are measured rather than learned; measured.safetensors has their maps.
        measured_items: How many test items, drawn at random, each of them rests on; empty in older results,
            which measured the first 64.
        constant: Whether the network gives one answer to all inputs at all positions, so that its
            equivariance says nothing and has no number.
        degenerate: Sentences on layers whose approximation is exact, or saves nothing, at their size.
        seconds: Seconds of training over all sessions.
        flops: FLOPs of one forward pass of one item.
        weights: The sha256 of the final weights.
        missing: Why a diagnostic is missing, by name.
        put_back: What the run's code changed in the process and probekit restored, by stage.
        along: Scores along the probe's difficulty axis.
        error: Why the run failed.
        restored: How the stored network differs from the trained one; "" if it does not.
        unrepeatable: How the first steps differ when they are repeated; "" if they do not.
        files: The sha256 of each file by name.
        stored: When it was stored, in seconds since 1970 UTC; 0 if probekit 0.1.0 wrote it.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    plan: Plan
    status: Literal["done", "failed"]
    metrics: Scores = {}
    train: Scores = {}
    validation: Scores = {}
    harder: Scores = {}
    unscored: dict[str, str] = {}
    spike: Number = None
    controls: dict[str, Scores] = {}
    floors: Scores = {}
    ceiling: Number = None
    intervals: Annotated[Intervals, AfterValidator(drop_nonfinite_intervals)] = {}
    counts: dict[str, int] = {}
    measured: Annotated[dict[str, float], AfterValidator(drop_nonfinite)] = {}
    measured_items: dict[str, int] = {}
    constant: bool = False
    degenerate: tuple[str, ...] = ()
    steps: int = 0
    seconds: FiniteFloat = 0.0
    flops: int | None = None
    weights: str = ""
    environment: Environment
    missing: dict[str, str] = {}
    put_back: dict[str, tuple[str, ...]] = {}
    along: DifficultyCurve | None = None
    error: str = ""
    behaviour: Behaviour = Behaviour()
    restored: str = ""
    unrepeatable: str = ""
    files: dict[str, str] = {}
    stored: FiniteFloat = 0.0

    def __repr__(self) -> str:
        """Return one line; `model_dump()` has all fields."""
        spec = self.plan.spec
        scores = [f"{name} {value:.4g}" for name, value in self.metrics.items() if value is not None]
        outcome = "".join(scores[:1]) if self.status == "done" else self.error[:80]
        request = f"{spec.structure} on {spec.probe}, {spec.scale}, seed {spec.seed}"
        return make_plain(f"<{type(self).__name__}: {escape_lookalikes(request)}: {outcome}>")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        columns = (self.metrics, self.train, self.floors)
        rows = [
            [name, *("-" if (value := scores.get(name)) is None else f"{value:.4f}" for scores in columns)]
            for name in self.metrics
        ]
        notes = [self.error] if self.error else []
        return render_html_table(repr(self), ["metric", "test", "training", "floor"], rows, notes)

    @property
    def caution(self) -> str:
        """Why the stored network is not the one that was scored, or the run does not repeat; or ""."""
        repeats = f"it does not repeat itself ({self.unrepeatable})" if self.unrepeatable else ""
        return "; ".join(filter(None, (self.restored, repeats)))

    def describe_items(self, name: str) -> str:
        """Return in words which test items a measurement rests on."""
        if (count := self.measured_items.get(name)) is None:
            return "the first test items, at most 64"
        return f"{count:,} test items drawn at random"

    def normalized_score(self, metric: str, perfect: float) -> float | None:
        """Return a metric's normalised score, from floor (0) to perfect (1); None if that is undefined."""
        return normalize_score(self.metrics.get(metric), self.floors.get(metric), perfect)


def normalize_score(value: float | None, floor: float | None, perfect: float) -> float | None:
    """Return a score normalised from floor (0) to perfect (1); None if that is undefined."""
    if value is None or floor is None or floor == perfect or finite_or_none(perfect) is None:
        return None
    return finite_or_none((value - floor) / (perfect - floor))
