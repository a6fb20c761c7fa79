"""What is guarded: the line about a layer names its paper and says its cost, and its operations grow so."""

from __future__ import annotations

import re
from math import log

import pytest

from probekit.catalog.grammar import Term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plugin.components import Component
from probekit.plugin.interfaces import Shape
from probekit.scores.flops import count_forward_flops

KNOWN = registry()
EXPONENTS = {
    "linear in": (0.0, 1.005),
    "N log N in": (1.01, 1.2),
    "N^1.5 in": (1.25, 1.5),
    "quadratic in": (1.9, 2.0),
}
"""What the operations of a map four times as large may come to, as a power of its size."""


def operations(layer: Component, side: int) -> int:
    built = resolve_part("layer", Term(layer.name), KNOWN).make(16, (side, side))
    return count_forward_flops(built, Shape(16, 16, (side, side)))


@pytest.mark.parametrize("layer", KNOWN.components("layer"), ids=lambda layer: layer.name)
def test_the_line_about_a_layer_says_how_its_operations_grow_with_positions(layer: Component) -> None:
    assert re.search(r" \(.+ \d{4}\)$", layer.about)
    (said,) = [words for words in EXPONENTS if words in layer.about]
    few, many = operations(layer, 32), operations(layer, 64)
    exponent = log(many / few, 4) if few else float(many)
    least, most = EXPONENTS[said]
    assert least <= exponent <= most
