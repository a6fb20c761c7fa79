"""Formatting of numbers for people: scores, normalised scores, times and the sentences around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from probekit.evidence.noise_model import MIN_STRUCTURES
from probekit.evidence.verdict import format_normalized
from probekit.plans.finite import finite_or_none
from probekit.storage.difficulty_curve import DifficultyCurve

BAR = 20
NOTHING = "-"


def format_score(value: float | None) -> str:
    """Return a score with four decimals, or a dash if there is none."""
    return NOTHING if finite_or_none(value) is None else f"{value:z.4f}"


def format_exact(value: float | None) -> str:
    """Return a number with all its digits, or a dash if there is none."""
    return NOTHING if finite_or_none(value) is None else f"{value:g}"


def format_percent(value: float | None) -> str:
    """Return a normalised score in per cent, or a dash if there is none."""
    return NOTHING if finite_or_none(value) is None else format_normalized(value)


def format_confidence(level: float) -> str:
    """Return the level of an interval in per cent."""
    return f"{100 * level:.3g} %"


def format_flops(count: int | None) -> str:
    """Return a number of floating-point operations."""
    if count is None:
        return NOTHING
    return f"{count / 1e9:,.1f} G" if count >= 1e10 else f"{count / 1e6:,.1f} M"


def format_duration(seconds: float | None) -> str:
    """Return a time in the usual unit."""
    if seconds is None:
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def budget_note(gap: float | None) -> str:
    """Return how far the parameters are off the budget, "" within 5 %."""
    if gap is None or abs(gap) <= 0.05:
        return ""
    if gap >= 1:
        times = 1 + gap
        return f" ({times:,.0f} times the budget)" if times >= 10 else f" ({times:.1f} times the budget)"
    return f" ({abs(gap):.0%} {'over' if gap > 0 else 'under'} budget)"


def format_width(chosen: int | None, wished: int | None) -> str:
    """Return a width, and the scale's width if that is another one."""
    return f"{chosen or 'fixed'}" + ("" if wished is None else f" (closest to the scale's {wished})")


def width_note(chosen: int | None, wished: int | None) -> str:
    """Return a note that a width is not the scale's, "" if it is."""
    return "" if wished is None else f" (width {chosen}, closest to the scale's {wished})"


def draw_bar(score: float, signs: int = BAR) -> str:
    """Draw a normalised score as a bar, empty at or below the floor."""
    full = round(max(0.0, min(1.0, score)) * signs)
    return "█" * full + "·" * (signs - full)


def solved_limit(along: DifficultyCurve | None) -> str:
    """Return up to which difficulty all items are solved, "" if that is not defined."""
    if along is None or (limit := along.limit) is None:
        return ""
    if limit == along.points[0].start:
        return "none"
    return "all" if limit == along.points[-1].stop else f"< {limit:g}"


def solved_meaning(curves: Sequence[DifficultyCurve | None]) -> str:
    """Return what the column `solved` means, "" if no curve defines it."""
    curve = next((curve for curve in curves if curve is not None and solved_limit(curve)), None)
    return "" if curve is None else f"the number of {curve.unit} below which {curve.solved:.0%} are correct"


def noise_note(metric: str, noise: float | None, structures: int) -> str:
    """Return how much a metric varies between the seeds of a scale, and on what its noise is fitted."""
    if structures > MIN_STRUCTURES:
        fitted = (
            f"Noise between seeds in {metric} is fitted as a function of the score on {structures} structures"
        )
        stated = "" if noise is None else f"; pooled, it is {noise:.4f} (standard deviation)"
        return f"{fitted}, each judged without itself{stated}."
    if noise is None:
        return "The noise between seeds was not measured for this setting."
    return f"Noise between seeds in {metric}: {noise:.4f} (measured standard deviation)."


def bound_notes(
    metric: str, floors: Mapping[str, float | None], ceiling: float | None, perfect: float | None
) -> Iterator[str]:
    """Yield each control's score, and the ceiling where something must be guessed."""
    if floors:
        scores = ", ".join(f"{name} {format_score(score)}" for name, score in floors.items())
        yield f"Baselines, {metric}: {scores}."
    if ceiling is not None and ceiling != perfect:
        yield (
            f"Ceiling of the {metric}: {format_score(ceiling)}. No solver can expect more, "
            "because the inputs do not determine every answer."
        )


def format_margin(low: float, high: float) -> str:
    """Return the ends of an interval of a difference, with their signs."""
    return f"{low:+.4f} to {high:+.4f}"


def spike_caution(structure: str, seed: int, multiple: float) -> str:
    """Return a warning that training diverged."""
    return (
        f"Training of {structure}, seed {seed}, blew up: the loss rose to {multiple:.3g} times its first "
        "value and did not recover. The score reflects the recipe as well as the structure. "
        "Try a lower learning rate."
    )


def restored_caution(structure: str, seed: int, doing: str, changes: Sequence[str]) -> str:
    """Return a warning that a run's code changed the process, which probekit undid."""
    return (
        f"{structure}, seed {seed}, changed the process while {doing}: {', '.join(changes)}. "
        "probekit restored it."
    )


def missing_score_note(structure: str, seed: int, metric: str, why: str) -> str:
    """Return why a run has no score in a metric."""
    return f"{structure}, seed {seed}, has no {metric}: {why}."
