"""How the cost of a layer grows with the number of positions: exponents that are counted, not timed."""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Mapping
from math import log
from pathlib import Path
from typing import NamedTuple

from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import Registry
from probekit.plugin.interfaces import Shape
from probekit.runs import rng
from probekit.runs.memory import saved_activation_bytes
from probekit.scores.flops import count_forward_flops

GROWTH = Path(__file__).parent / "survey" / "growth.csv"
"""The exponents of each built-in layer; `examples/growth.py` writes them."""
CHANNELS, SIDES = 64, (32, 64)
"""Channels, and the sides of the two square maps that are compared: 1,024 and 4,096 positions."""
POSITIONS = "1,024 to 4,096 positions"
NO_LIMIT = 1 << 50
HEADS = ("layer", "flops_exponent", "memory_exponent")


class Growth(NamedTuple):
    """Exponents of the number of positions N: a cost grows as N to the power of its exponent.

    Attributes:
        flops: Of the FLOPs of a forward pass; None if nothing is counted, as of a mean.
        memory: Of the bytes that are saved for the backward pass; None if nothing is saved.
    """

    flops: float | None
    memory: float | None


UNKNOWN = Growth(None, None)


def measure_growth(layer: str, registry: Registry) -> Growth:
    """Count the FLOPs and saved bytes of a layer, such as `gla`, at two sizes; return their exponents.

    Both are counted exactly for one item, so that no machine or clock plays a part.

    Raises:
        UsageError: There is no such layer.
        RunError: Its operations cannot be counted.
    """
    part = resolve_part("layer", parse_term(layer), registry)
    counts = []
    for side in SIDES:
        with rng.preserve_rng():
            rng.seed_rng(0)
            model, shape = part.make(CHANNELS, (side, side)), Shape(CHANNELS, CHANNELS, (side, side))
            counts.append(
                (count_forward_flops(model, shape), saved_activation_bytes(model, shape, 1, NO_LIMIT))
            )
    (few_flops, few_bytes), (many_flops, many_bytes) = counts
    return Growth(fit_exponent(few_flops, many_flops), fit_exponent(few_bytes, many_bytes))


def fit_exponent(few: int, many: int) -> float | None:
    """Return the exponent of the power law through the counts at both sizes, with two digits."""
    first, last = SIDES
    return round(log(many / few, (last / first) ** 2), 2) if few else None


def encode_growths(growths: Mapping[str, Growth]) -> str:
    """Return exponents by layer as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADS)
    for layer, growth in growths.items():
        writer.writerow([layer, *("" if value is None else f"{value:.2f}" for value in growth)])
    return text.getvalue()


@functools.cache
def read_growths() -> dict[str, Growth]:
    """Return the shipped exponents by layer."""
    with GROWTH.open(encoding="utf-8", newline="") as file:
        return {
            layer: Growth(*(float(cell) if cell else None for cell in cells))
            for layer, *cells in list(csv.reader(file))[1:]
        }
