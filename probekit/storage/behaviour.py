"""A behaviour is what a run was observed to do, in numbers that identify its code."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain

from pydantic import BaseModel, ConfigDict

Numbers = dict[str, float | str]
"""Numbers by description; hashes are text."""
NOISE = 1e-3
"""Share of the largest number of a kind, times the tolerance, below which a difference is rounding."""


class Behaviour(BaseModel):
    """What was observed before a run and in its first steps.

    Attributes:
        probe: Hashes of the first items of each split; loss, metrics and controls for made-up answers.
        structure: Outputs and gradient norms of the network built from seed 0.
        training: Losses of the first three steps and each parameter's gradient norm at the first; the
            first row for a trainer that reports no steps.
        recipe: The same from seed 0, to compare the trainings of two seeds; empty for a trainer that
            reports no steps.
        seconds: Training time until all of these were known.
    """

    model_config = ConfigDict(frozen=True)

    probe: Numbers = {}
    structure: Numbers = {}
    training: Numbers = {}
    recipe: Numbers = {}
    seconds: float = 0.0

    @property
    def reports_steps(self) -> bool:
        """Whether the trainer reported its steps one by one."""
        return any(name.startswith("loss of step") for name in self.training)


def find_difference(stored: Numbers, now: Numbers, relative: float) -> str:
    """Return in words the first number that differs, as "loss of step 1: 0.0412 stored, 0.0377 now".

    A number that one side lacks differs. Numbers of one kind, named by their first word, are as exact as
    the largest of them.

    Returns:
        The difference; "" if all numbers agree within the relative tolerance.
    """
    largest: dict[str, float] = defaultdict(float)
    for name, value in chain(stored.items(), now.items()):
        if isinstance(value, float):
            kind = name.partition(" ")[0]
            largest[kind] = max(largest[kind], abs(value))
    for name in dict.fromkeys((*stored, *now)):
        before, after = stored.get(name), now.get(name)
        if isinstance(before, float) and isinstance(after, float):
            scale = max(abs(before), abs(after), NOISE * largest[name.partition(" ")[0]])
            if abs(before - after) <= relative * scale:
                continue
        elif before == after:
            continue
        return f"{name}: {_format_number(before, after)} stored, {_format_number(after, before)} now"
    return ""


def _format_number(value: float | str | None, reference: float | str | None) -> str:
    """Return a number with enough digits to differ from the reference."""
    if value is None:
        return "none"
    if not isinstance(value, float) or not isinstance(reference, float):
        return str(value)[:12]
    short = f"{value:.4g}"
    return short if short != f"{reference:.4g}" else repr(value)
