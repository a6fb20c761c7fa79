"""A behaviour is what a run was seen to do, in numbers: by it one code is told from another."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain

from pydantic import BaseModel, ConfigDict

Numbers = dict[str, float | str]
"""Numbers by what they are, in words; hashes are text."""
NOISE = 1e-3
"""The share of the largest number of a kind, times the tolerance, below which a difference is rounding."""


class Behaviour(BaseModel):
    """What was seen of a run before and in its first steps.

    probe: hashes of the first items of each split, and what loss, metrics and controls give for made-up
    answers. structure: outputs and gradient norms of the network built from seed 0. training: the losses of
    the first three steps, and each parameter's gradient norm at the first; of a trainer that reports no
    steps its first row. recipe: the same from seed 0, by which the trainings of two seeds are told apart;
    empty of a trainer that reports no steps. seconds: what training took until all of these were known.
    """

    model_config = ConfigDict(frozen=True)

    probe: Numbers = {}
    structure: Numbers = {}
    training: Numbers = {}
    recipe: Numbers = {}
    seconds: float = 0.0

    @property
    def reports_steps(self) -> bool:
        """Return whether the trainer reported its steps one by one."""
        return any(name.startswith("loss of step") for name in self.training)


def difference(stored: Numbers, now: Numbers, relative: float) -> str:
    """Return in words the first number that differs, as "loss of step 1: 0.0412 stored, 0.0377 now".

    A number that is missing on one side differs. "" where all agree within the tolerance. Numbers of one
    kind, which their first word names, are as exact as the largest of them.
    """
    largest: dict[str, float] = defaultdict(float)
    for name, value in chain(stored.items(), now.items()):
        if isinstance(value, float):
            largest[name.partition(" ")[0]] = max(largest[name.partition(" ")[0]], abs(value))
    for name in dict.fromkeys((*stored, *now)):
        before, after = stored.get(name), now.get(name)
        if isinstance(before, float) and isinstance(after, float):
            noise = NOISE * largest[name.partition(" ")[0]]
            if abs(before - after) <= relative * max(abs(before), abs(after), noise):
                continue
        elif before == after:
            continue
        return f"{name}: {_show(before, after)} stored, {_show(after, before)} now"
    return ""


def _show(value: float | str | None, other: float | str | None) -> str:
    """Return a number with as many digits as tell it from the other."""
    if value is None:
        return "none"
    if not isinstance(value, float) or not isinstance(other, float):
        return str(value)[:12]
    short = f"{value:.4g}"
    return short if short != f"{other:.4g}" else repr(value)
