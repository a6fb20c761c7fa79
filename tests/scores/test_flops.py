"""What is guarded: operations are counted by what they multiply; where that is not seen they are unknown."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from probekit.catalog.expression import resolve_expression
from probekit.catalog.registry import registry
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Shape
from probekit.scores.flops import count_forward_flops
from probekit_plugins.layers.deltanet import DeltaNet

SIDE = 6
KNOWN = registry()


class Of(nn.Module):
    """Applies a function to an item's map, (channels, SIDE), as a matrix."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def square(x: Tensor) -> Tensor:
    return x.mT @ x + torch.eye(SIDE)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x * 3, 0),
        (lambda x: x.norm(dim=1), 0),
        (lambda x: torch.nn.functional.normalize(x, dim=1), 0),
        (lambda x: x.mT @ x, 2 * 4 * SIDE * SIDE),
        # half of a product of matrices, as half of the entries are zero
        (lambda x: torch.linalg.solve_triangular(torch.eye(SIDE), x.mT, upper=False), SIDE * SIDE * 4),
        (lambda x: torch.linalg.solve_triangular(torch.eye(4), x, upper=True), 4 * 4 * SIDE),
        (
            lambda x: torch.linalg.solve_triangular(torch.eye(SIDE), x, upper=True, left=False),
            SIDE * SIDE * 4,
        ),
        # of real numbers half
        (lambda x: torch.fft.fft(x[:, :1, :4]), 5 * 4 * 2 // 2),
    ],
    ids=["scaling", "norm", "normalised", "product", "triangular", "upper", "from the right", "fourier"],
)
def test_operations_are_counted(function: Callable[[Tensor], Tensor], expected: int) -> None:
    assert count_forward_flops(Of(function), Shape(4, 4, (SIDE,))) == expected


@pytest.mark.parametrize("function", [lambda x: torch.linalg.inv(square(x)), lambda x: torch.cdist(x, x)])
def test_what_multiplies_unseen_is_not_counted_as_nothing(function: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(RunError, match="no FLOP formula is known"):
        count_forward_flops(Of(function), Shape(4, 4, (SIDE,)))


class Latents(nn.Module):
    """Hands a view of a weight to a module, as learned latents and class tokens are."""

    def __init__(self) -> None:
        super().__init__()
        self.latents, self.frozen = nn.Parameter(torch.ones(3, SIDE)), nn.Parameter(torch.ones(1), False)
        self.map = nn.Linear(SIDE, SIDE)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.map(self.latents.expand(len(x), -1, -1))
        return y


def test_a_view_of_a_weight_is_counted_and_weights_ask_for_gradients_as_before() -> None:
    model = Latents()
    assert count_forward_flops(model, Shape(4, 3, (SIDE,))) == 2 * 3 * SIDE * SIDE
    assert {name: one.requires_grad for name, one in model.named_parameters()} == {
        "latents": True, "frozen": False, "map.weight": True, "map.bias": True,
    }  # fmt: skip


def test_those_of_the_delta_rule_are_known_and_grow_with_the_map() -> None:
    short, long = (count_forward_flops(DeltaNet(16, (n,)), Shape(16, 16, (n,))) for n in (64, 128))
    assert 0 < 2 * short <= long < 2.2 * short


@pytest.mark.parametrize(
    "structure",
    [f"plain+{one.name}" for one in KNOWN.components("layer")]
    + [one.name for one in KNOWN.components("structure") if one.name != "pretrained"],
)
def test_those_of_every_built_in_layer_and_network_are_known(structure: str) -> None:
    shape = Shape(3, 2, (8, 8))
    assert count_forward_flops(resolve_expression(structure, "plain", KNOWN).build(shape, 16), shape) > 0
