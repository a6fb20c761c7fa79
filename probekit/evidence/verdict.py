"""A verdict says whether scores show that a structure has a property, and why."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from probekit.evidence.estimate import MIN_SEEDS
from probekit.evidence.words import Word

HAS, PARTLY = 0.9, 0.25
"""Normalised scores. From the first on, the structure gets right nine tenths of what the best control gets
wrong. Up to the second, a network may come without the property (see probekit.evidence.focus)."""
FITS = 0.5
"""Normalised training score below which the test score says nothing about the property."""
EXACT, BROKEN = 1e-6, 0.1
"""Equivariance errors, relative to the output's standard deviation: below the first, only rounding errors;
above the second, the output does not move with the input."""
NEAR = 3.0
"""Radius, in positions, of the patch that controls see; a network that looks no further is no better."""


class Verdict(BaseModel):
    """The verdict on one structure and one probe.

    Attributes:
        word: The verdict.
        learned: How many of how many seeds learned it, if the word is about that.
        why: The reason as a clause, "" if the word says it all.
        measured: What a measurement says about the same property, "" without one.
        contradicted: Whether the measurement contradicts the verdict.
    """

    model_config = ConfigDict(frozen=True)

    word: Word
    learned: tuple[int, int] | None = None
    why: str = ""
    measured: str = ""
    contradicted: bool = False

    @property
    def text(self) -> str:
        """The word, with its numbers."""
        if self.learned is None:
            return self.word.value
        return "{} of {} seeds learned it".format(*self.learned)

    def __str__(self) -> str:
        """Return the verdict in one line."""
        measured = (
            f"; {'BUT ' if self.contradicted else ''}measured: {self.measured}" if self.measured else ""
        )
        return f"{self.text}{f' ({self.why})' if self.why else ''}{measured}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a verdict rests on.

    Attributes:
        score: Normalised score: the mean over seeds, on the test items.
        interval: Ends of its interval, which includes the noise between seeds and between test items; None
            if that is not known.
        training_score: Normalised score on the training items.
        decides: Whether the scale can decide anything.
        blown_up: How many seeds had a training that blew up.
        seeds: How many seeds were scored.
        learning: Whether the training loss still fell at the end.
        constant: Whether the network gives one answer to all inputs at all positions.
        groups: If seeds fall in two groups, how many are in the worse one, and its normalised mean; then the
            same of the better one.
    """

    score: float | None
    interval: tuple[float, float] | None
    training_score: float | None
    decides: bool = True
    blown_up: int = 0
    seeds: int = 1
    learning: bool = False
    constant: bool = False
    groups: tuple[tuple[int, float], tuple[int, float]] | None = None


def judge_evidence(evidence: Evidence, thresholds: tuple[float, float] = (HAS, PARTLY)) -> Verdict:
    """Return the verdict.

    Args:
        evidence: What the verdict rests on.
        thresholds: Normalised scores from which a structure has the property, and has it partly.
    """
    has, partly = thresholds
    if evidence.score is None:
        return Verdict(word=Word.UNMEASURED)
    blown = f"training blew up in {evidence.blown_up} of {evidence.seeds} seeds" if evidence.blown_up else ""
    if not evidence.decides:
        return Verdict(word=Word.UNDECIDED, why=join_clauses("this scale proves nothing", blown))
    if evidence.groups is not None:
        (_, worse), (count, better) = evidence.groups
        if worse < has <= better:
            return Verdict(word=Word.LEARNED, learned=(count, evidence.seeds), why=blown)
    if evidence.interval is None:
        enough = evidence.seeds >= MIN_SEEDS
        why = "all seeds agree, and no noise was measured" if enough else f"{MIN_SEEDS} seeds are needed"
        return Verdict(word=Word.UNDECIDED, why=join_clauses(why, blown))

    def count_thresholds(value: float) -> int:
        return (value >= has) + (value >= partly)

    low, high = evidence.interval
    level = count_thresholds(evidence.score)
    if not count_thresholds(low) == level == count_thresholds(high):
        threshold = next(bound for bound in (partly, has) if low < bound <= high)
        return Verdict(word=Word.UNDECIDED, why=join_clauses(f"the interval crosses {threshold:.0%}", blown))
    if level == 2:
        return Verdict(word=Word.HAS, why=blown)
    if level == 1:
        return Verdict(word=Word.PARTLY, why=blown)
    training = evidence.training_score
    clause = "no training score" if training is None else f"training score {format_normalized(training)}"
    why = join_clauses(clause, blown)
    if training is None or training < FITS:
        return Verdict(word=choose_unfitted(evidence), why=why)
    return Verdict(word=Word.FITS, why=why)


def choose_unfitted(evidence: Evidence) -> Word:
    """Return the word for a structure whose test and training scores are both low."""
    if evidence.constant:
        return Word.CONSTANT
    return Word.LEARNING if evidence.learning else Word.DID_NOT_FIT


def add_measurement(
    verdict: Verdict,
    name: str,
    value: float | None,
    *,
    border: float | None = None,
    constant: bool = False,
    decides: bool = False,
) -> Verdict:
    """Add a measurement of the same property to a verdict.

    Args:
        verdict: The verdict.
        name: "equivariance_error", relative to the output's standard deviation, or "receptive_radius", in
            positions.
        value: The measured value; None leaves the verdict unchanged, unless the network is constant.
        border: The equivariance error at the border of the map, which `value` leaves out; None without one.
        constant: Whether the network gives one answer to all inputs at all positions. Such an answer moves
            with every input and proves nothing.
        decides: Whether a measured covariance decides where a structure did not fit.
    """
    has = verdict.word is Word.HAS
    if name == "equivariance_error" and constant:
        text, contradicts = "constant (one answer to all inputs at all positions)", has
    elif value is None:
        return verdict
    elif name == "equivariance_error":
        exact = value < EXACT
        text = f"{'exactly' if exact else 'not' if value > BROKEN else 'nearly'} covariant"
        edge = "" if border is None else f", {format_error(border)} at the border"
        text += f" (error {format_error(value)}{edge})"
        contradicts = (exact and verdict.word is Word.FITS) or (has and value > BROKEN)
    else:
        text = f"90 % of the influence within {value:.1f} positions"
        contradicts = has and value < NEAR
    word = verdict.word
    if decides and word in (Word.DID_NOT_FIT, Word.LEARNING) and name == "equivariance_error":
        if constant:
            word = Word.CONSTANT
        elif value is not None and value <= BROKEN:
            word = Word.COVARIANT  # it moves its output with its input, which scores alone cannot show
    return verdict.model_copy(update={"word": word, "measured": text, "contradicted": contradicts})


def format_error(value: float) -> str:
    """Return an equivariance error, or that it is below what rounding makes."""
    return "below 1e-6" if value < EXACT else f"{value:.2g}"


def format_normalized(at: float | None) -> str:
    """Return a normalised score in per cent, or the words that it lies below the floor or is missing."""
    if at is None:
        return "no score"
    return "below the floor" if round(at, 2) < 0 else f"{at:z.0%}"


def join_clauses(*clauses: str) -> str:
    """Return the clauses that are not empty, joined by commas."""
    return ", ".join(clause for clause in clauses if clause)
