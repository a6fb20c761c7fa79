"""A mutant is JSON with one value changed into what nobody wrote."""

from __future__ import annotations

import random
from typing import Any

VALUES = (
    None, True, -1, 0, 10**30, 1e308, -1e-308, "", "\0", "\x1b[31m", "<b>", "é" * 1000, "../../x",
    "/dev/zero", "unet+lambda", "a" * 5000, [], {}, [[]], {"a": {"b": []}}, [1, 2, 3], {"loss": 1.0},
    "0" * 64, 2**63,
)  # fmt: skip


def mutant(value: Any, chance: random.Random) -> Any:
    """Return the value with one part of it changed, lost or doubled."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(sorted(value))
        way = chance.random()
        if way < 0.1:
            return {name: inner for name, inner in value.items() if name != key}
        if way < 0.2:
            return {**value, chance.choice(("x", "", "loss", "__class__", key + "2")): value[key]}
        return {**value, key: mutant(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [*value[:place], mutant(value[place], chance), *value[place + 1 :]]
    return chance.choice(VALUES)
