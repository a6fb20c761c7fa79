"""What is guarded: a structure that lists its widths is built with one of them, and errors list them."""

from __future__ import annotations

from typing import Any

import pytest
from small import knowing, planned
from torch import Tensor, nn

from probekit.authors.check import checks
from probekit.catalog.expression import resolve_expression
from probekit.catalog.registry import registry
from probekit.plans import budget
from probekit.plugin.components import Component
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.interfaces import Shape

SHAPE = Shape(3, 1, (16, 16))


class Listed(nn.Module):
    """A structure for a few widths."""

    widths: Any = (6, 8, 16, 32, 64)

    def __init__(self, shape: Shape, *, width: int, layer: Any = None) -> None:
        super().__init__()
        assert width in self.widths
        hosted = nn.Identity() if layer is None else layer(width, shape.size, {})
        self.network = nn.Sequential(
            nn.Flatten(2), nn.Conv1d(shape.inputs, width, 1), nn.Unflatten(2, shape.size), hosted
        )
        self.head = nn.Sequential(nn.Flatten(2), nn.Conv1d(width, shape.outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.network(x)).unflatten(2, x.shape[2:])


class Single(Listed):
    """A structure for one width."""

    widths = (32,)


class Falling(Listed):
    """Widths out of order."""

    widths = (64, 32)


class Worded(Listed):
    """Widths that are no numbers."""

    widths = ("8", "16")


@pytest.mark.parametrize("allowed", [10, 50, 90, 200, 100_000])
def test_no_listed_width_is_nearer_to_a_budget(allowed: int) -> None:
    expression = resolve_expression("listed", "unet", knowing("listed", Listed))
    gaps = {
        width: abs(budget.count_parameters(expression, SHAPE, width) - allowed) for width in Listed.widths
    }
    assert gaps[budget.find_nearest_width(expression, SHAPE, allowed)] == min(gaps.values())


@pytest.mark.parametrize(
    ("text", "changes", "width"),
    [
        ("listed", {"budget": 82}, 16),
        ("listed", {"width": 6}, 6),
        ("listed", {}, 6),
        ("listed+transformer(heads=8)", {"width": 16}, 16),
        ("single", {}, 32),
    ],
)
def test_a_plan_has_a_listed_width(text: str, changes: dict[str, int], width: int) -> None:
    known = knowing("listed", Listed).with_components(Component("structure", "single", Single, ""))
    assert planned(known, structure=text, **changes).width == width


@pytest.mark.parametrize(
    ("structure", "text", "changes", "problem", "hint"),
    [
        (Listed, "listed", {"width": 20}, "listed takes the widths 6, 8, 16, 32, 64", "Type --width 16."),
        (Listed, "listed+transformer", {"width": 6}, "takes the widths 8, 16, 32, 64", "Type --width 8."),
        (
            Single,
            "listed+transformer(heads=3)",
            {},
            "they are 32, and its layers need a multiple of 3",
            "heads",
        ),
        (Single, "listed", {"budget": 10_000}, "the nearest width, 32, has 161", "Type --budget 161"),
    ],
)
def test_another_width_is_refused(
    structure: Any, text: str, changes: dict[str, int], problem: str, hint: str
) -> None:
    with pytest.raises(UsageError) as error:
        planned(knowing("listed", structure), structure=text, **changes)
    assert problem in error.value.problem
    assert hint in error.value.hint


@pytest.mark.parametrize("structure", [Falling, Worded])
def test_a_wrong_list_of_widths_is_an_error(structure: Any) -> None:
    with pytest.raises(ProbekitError, match="the widths of structure listed") as error:
        planned(knowing("listed", structure), structure="listed")
    assert "ascending whole numbers" in error.value.hint


@pytest.mark.parametrize(("structure", "state"), [(Listed, "holds"), (Single, "holds"), (Falling, "fails")])
def test_checks_build_listed_widths(structure: Any, state: str) -> None:
    known = registry().with_components(Component("structure", "listed", structure, ""))
    names = ("wider-means-more-parameters", "trains-in-a-network", "hosts-a-layer")
    findings = [c.evaluate() for c in checks("structure", "listed", registry=known) if c.name in names]
    assert {finding.state for finding in findings} == {state}
