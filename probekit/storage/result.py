"""A result is what was found: scores, floors, what the network cost, and on what machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, FiniteFloat

from probekit.plain import marked, plain, table
from probekit.plans.finite import finite, finite_alone
from probekit.plans.plan import Plan
from probekit.storage.along import Along
from probekit.storage.behaviour import Behaviour

Number = Annotated[float | None, AfterValidator(finite)]
"""None where it is not finite, whoever wrote it."""
Scores = dict[str, Number]
Ends = dict[str, tuple[float, float]]
FORMAT = 3
"""Raised when the fields of a result change."""


class Environment(BaseModel):
    """Where a run happened: recorded, not part of its identity. machine: the kind of its processor."""

    model_config = ConfigDict(frozen=True)

    probekit: str
    torch: str
    python: str
    device: str
    threads: int
    denormals: Literal["kept", "flushed"] = "kept"
    machine: str = ""

    def changes(self, was: Mapping[str, Any]) -> list[str]:
        """Return in words how this environment differs from the fields of another, which came before.

        The kind of processor is left out: a run may go on on another.
        """
        fields = self.model_dump(exclude={"machine"})
        before = {"denormals": "kept", **was}
        return [
            f"{key} was {before.get(key)}, here {fields[key]}"
            for key in fields
            if before.get(key) != fields[key]
        ]


def finite_ends(intervals: Ends) -> Ends:
    """Return the intervals both of whose ends are finite."""
    return {name: ends for name, ends in intervals.items() if None not in map(finite, ends)}


class Result(BaseModel):
    """What was found.

    metrics: test means; train: means over as many training items; validation: means over the validation
    split, by which a recipe may be chosen; harder: over the harder split of a probe that has one; controls:
    each closed-form control's means on the same test items, by name; floors: the best of these; ceiling:
    what the best of solvers expects of them in the headline metric, None for a probe that leaves nothing to
    be guessed. None stands for a metric that applies to no item, or is not finite for one; unscored: why, by
    name, of the other splits as train/NAME. intervals: 95 % of the test mean over items (one seed says
    nothing of the noise between seeds); counts: how many items each is over. measured: properties measured
    rather than learned; their maps are in measured.safetensors. spike: to what multiple of its first the
    loss rose without coming back, None where training kept its footing. seconds: training alone, over all
    sittings. flops: of one forward pass of one item. weights: sha256 over the final weights. missing: why
    something beside the scores was not found, by what it is. put_back: what its code changed of the process
    and was put back, by what was going on. along: scores along the probe's axis. error: why it failed.
    files: sha256 by name. stored: when, in seconds since 1970, UTC; 0 where probekit 0.1.0 wrote it.
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
    intervals: Annotated[Ends, AfterValidator(finite_ends)] = {}
    counts: dict[str, int] = {}
    measured: Annotated[dict[str, float], AfterValidator(finite_alone)] = {}
    steps: int = 0
    seconds: FiniteFloat = 0.0
    flops: int | None = None
    weights: str = ""
    environment: Environment
    missing: dict[str, str] = {}
    put_back: dict[str, tuple[str, ...]] = {}
    along: Along | None = None
    error: str = ""
    behaviour: Behaviour = Behaviour()
    restored: str = ""
    unrepeatable: str = ""
    files: dict[str, str] = {}
    stored: FiniteFloat = 0.0

    def __repr__(self) -> str:
        """Say it in a line; `model_dump()` says all of it."""
        spec = self.plan.spec
        scores = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items() if value is not None)
        said = scores.split(", ")[0] if self.status == "done" else self.error[:80]
        asked = f"{spec.structure} on {spec.probe}, {spec.scale}, seed {spec.seed}"
        return plain(f"<Result: {marked(asked)}: {said}>")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = [
            [name, *("-" if value is None else f"{value:.4f}" for value in of)]
            for name, *of in (
                (name, score, self.train.get(name), self.floors.get(name))
                for name, score in self.metrics.items()
            )
        ]
        return table(
            repr(self), ["metric", "test", "training", "floor"], rows, [self.error] if self.error else []
        )

    @property
    def caution(self) -> str:
        """Why the stored network is not the one that was scored, or the run does not repeat; or ""."""
        repeats = f"it does not repeat itself ({self.unrepeatable})" if self.unrepeatable else ""
        return "; ".join(filter(None, (self.restored, repeats)))

    def place(self, metric: str, perfect: float) -> float | None:
        """Return where a score lies between its floor (0) and perfect (1), None where either is unknown."""
        return place(self.metrics.get(metric), self.floors.get(metric), perfect)


def place(value: float | None, floor: float | None, perfect: float) -> float | None:
    """Return where a score lies from floor (0) to perfect (1), None where that says nothing."""
    if value is None or floor is None or floor == perfect or finite(perfect) is None:
        return None
    return finite((value - floor) / (perfect - floor))
