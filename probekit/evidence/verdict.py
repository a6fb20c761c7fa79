"""A verdict is what scores let one say of a property: a word of one ladder, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.compare import FREEDOM, SEEDS
from probekit.interfaces import Metric
from probekit.scores.interval import Interval, kept, quantile
from probekit.storage.result import place

Word = Literal["has it", "partly", "fits, does not generalise", "did not fit", "undecided", "not measured"]
HAS, PARTLY = 0.9, 0.25
"""From here on nine tenths of what the best control gets wrong are right; up to here a network may come that
lacks the property (see probekit.evidence.focus)."""
FITS = 0.5
"""Half of the way on the training items: below it, how the rest is answered tells nothing of the property."""
EXACT, BROKEN = 1e-6, 0.1
"""Equivariance errors, of the output's deviation: below the first there is none but rounding; above the
second the answer does not move with the input."""
NEAR = 3.0
"""The radius in positions of the patch that controls see: what looks no further is no more than one."""


class Verdict(BaseModel):
    """What is said of one structure on one probe.

    why: a clause, "" where the word says all. measured: what a measurement says of the same property, ""
    where there is none; contradicted: whether that is another thing.
    """

    model_config = ConfigDict(frozen=True)

    word: Word
    why: str = ""
    measured: str = ""
    contradicted: bool = False

    def __str__(self) -> str:
        """Say it in a line."""
        beside = f"; {'BUT ' if self.contradicted else ''}measured: {self.measured}" if self.measured else ""
        return f"{self.word}{f' ({self.why})' if self.why else ''}{beside}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on.

    at, reach: place of the test mean, and of the ends of an interval that holds the noise between seeds, None
    where none is known. trained: place of the training mean. decides: whether the scale can tell anything.
    blown: of how many seeds the training blew up. seeds: how many were scored.
    """

    at: float | None
    reach: tuple[float, float] | None
    trained: float | None
    decides: bool = True
    blown: int = 0
    seeds: int = 1


def judge(found: Evidence, thresholds: tuple[float, float] = (HAS, PARTLY)) -> Verdict:
    """Return the verdict; thresholds: the places from which a structure has the property, and partly."""
    has, partly = thresholds
    if found.at is None:
        return Verdict(word="not measured")
    blown = f"training blew up in {found.blown} of {found.seeds} seeds" if found.blown else ""
    if not found.decides:
        return Verdict(word="undecided", why=joined("this scale proves nothing", blown))
    if found.reach is None:
        return Verdict(word="undecided", why=joined(f"{SEEDS} seeds are needed", blown))

    def step(value: float) -> int:
        return (value >= has) + (value >= partly)

    low, high = found.reach
    if not step(low) == step(found.at) == step(high):
        over = next(bound for bound in (partly, has) if low < bound <= high)
        return Verdict(word="undecided", why=joined(f"the interval reaches over {over:.0%}", blown))
    if step(found.at) == 2:
        return Verdict(word="has it", why=blown)
    if step(found.at) == 1:
        return Verdict(word="partly", why=blown)
    if found.trained is None or found.trained < FITS:
        return Verdict(word="did not fit", why=joined(f"training reaches {said(found.trained)}", blown))
    return Verdict(
        word="fits, does not generalise", why=joined(f"training reaches {said(found.trained)}", blown)
    )


def beside(verdict: Verdict, name: str, value: float | None) -> Verdict:
    """Return the verdict with what was measured of the same property beside it, where something was.

    name: "equivariance_error", the share of the output's deviation, or "receptive_radius", in positions.
    """
    if value is None:
        return verdict
    has = verdict.word == "has it"
    if name == "equivariance_error":
        exact = value < EXACT
        text = f"{'exactly' if exact else 'not' if value > BROKEN else 'nearly'} covariant"
        text += " (error below 1e-6)" if exact else f" (error {value:.2g})"
        against = (exact and verdict.word == "fits, does not generalise") or (has and value > BROKEN)
    else:
        text = f"90 % of the influence within {value:.1f} positions"
        against = has and value < NEAR
    return verdict.model_copy(update={"measured": text, "contradicted": against})


def reach(
    values: Sequence[float], over: Interval | None, metric: Metric, floor: float | None, noise: float | None
) -> tuple[float, float] | None:
    """Return the places of an interval that holds the noise between seeds, None where none is known.

    values: the scores by seed. over: their interval, used from three seeds on; for fewer, the scale's noise.
    """
    if len(values) >= SEEDS and over is not None:
        ends: tuple[float, float] = over.low, over.high
    elif values and noise is not None:
        middle, half = sum(values) / len(values), quantile(FREEDOM) * noise / sqrt(len(values))
        ends = kept(middle - half, middle + half, metric.bounds)
    else:
        return None
    places = [at for end in ends if (at := place(end, floor, metric.perfect)) is not None]
    return (min(places), max(places)) if len(places) == len(ends) else None


def said(at: float | None) -> str:
    """Return a place in words: in per cent, or that it lies below the floor."""
    if at is None:
        return "no score"
    return "below the floor" if round(at, 2) < 0 else f"{at:z.0%}"


def joined(*clauses: str) -> str:
    """Return the clauses that there are, as one."""
    return ", ".join(clause for clause in clauses if clause)
