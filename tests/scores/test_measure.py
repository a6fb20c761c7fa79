"""What is guarded: what is measured of networks whose receptive field and symmetry are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from probekit.plugin.interfaces import Metric, Probe, Shape
from probekit.scores.equivariance import (
    axis_shifts,
    central_mask,
    fixed_permutation,
    measure_equivariance,
    move_positions,
)
from probekit.scores.receptive_field import effective_receptive_field, field_radius
from probekit.scores.score import score_items

CPU = torch.device("cpu")


class Spots:
    """Items with one bright position each, away from the border."""

    def __init__(self, size: tuple[int, ...]) -> None:
        self.size = size

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = torch.zeros(1, *self.size)
        image[(0, *(side // 2 + index % 3 - 1 for side in self.size))] = 1 + index / 40
        return image, image

    def __getitems__(self, indices: Any) -> list[tuple[Tensor, Tensor]]:
        return [self[index] for index in indices]


class Positions(nn.Module):
    """Adds to each position its number: it knows where it is."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.arange(x[0, 0].numel()).view(x.shape[2:]) / x[0, 0].numel()


class Mean(nn.Module):
    """Answers the mean over all positions everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(2).view(len(x), 1, *(1,) * (x.ndim - 2)).expand_as(x)


def box(size: tuple[int, ...]) -> nn.Module:
    kind = (nn.Conv1d, nn.Conv2d)[len(size) - 1]
    made = kind(1, 1, 3, padding=1)
    nn.init.constant_(made.weight, 1.0)
    nn.init.zeros_(cast(Tensor, made.bias))
    return made


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).square().mean()


def measured(
    model: nn.Module, size: tuple[int, ...], symmetry: str
) -> tuple[dict[str, float], dict[str, Any]]:
    probe = cast(Probe, SimpleNamespace(symmetry=symmetry, shape=Shape(1, 1, size), loss=squared_error))
    return looked_at(model.eval(), probe, Spots(size))


def looked_at(model: nn.Module, probe: Probe, data: Any) -> tuple[dict[str, float], dict[str, Any]]:
    """Return all that is measured of a network."""
    field = effective_receptive_field(model, probe, data, CPU)
    symmetry = measure_equivariance(model, probe, data, CPU)
    return {**field.numbers, **symmetry.numbers}, {**field.maps, **symmetry.maps}


@pytest.mark.parametrize("size", [(32,), (16, 24)])
def test_a_box_of_three_sees_three_a_side_and_moves_with_its_input(
    size: tuple[int, ...],
) -> None:
    numbers, maps = measured(box(size), size, "shift")
    field = maps["receptive_field"]
    assert field.shape == size
    assert int((field > 0).sum()) == 3 ** len(size)
    assert float(field.sum()) == pytest.approx(1)
    assert numbers["receptive_radius"] == pytest.approx(len(size) ** 0.5)
    assert numbers["equivariance_error"] == 0


def test_a_mean_over_all_positions_has_the_widest_receptive_field() -> None:
    numbers, maps = measured(Mean(), (16, 16), "shift")
    assert maps["receptive_field"] == pytest.approx(torch.full((16, 16), 1 / 256))
    assert numbers["receptive_radius"] > 8
    assert numbers["equivariance_error"] < 1e-6


@pytest.mark.parametrize(("symmetry", "size"), [("shift", (32,)), ("permutation", (32,)), ("turn", (8, 8))])
def test_a_network_that_knows_where_it_is_departs_from_each_symmetry(
    symmetry: str, size: tuple[int, ...]
) -> None:
    numbers, maps = measured(Positions(), size, symmetry)
    assert numbers["equivariance_error"] > 0.05
    assert maps["equivariance"].shape == size


def test_a_kernel_that_looks_alike_from_all_sides_turns_with_its_input_and_another_does_not() -> None:
    alike, _ = measured(box((16, 16)), (16, 16), "turn")
    other = box((16, 16))
    with torch.no_grad():
        next(other.parameters())[..., 0, :] = 0.0
    aside, _ = measured(other, (16, 16), "turn")
    assert alike["equivariance_error"] < 1e-6 < 0.1 < aside["equivariance_error"]
    assert "equivariance_error_border" not in alike


def test_only_squares_are_turned() -> None:
    with pytest.raises(ValueError, match="16 x 24"):
        measured(box((16, 24)), (16, 24), "turn")


def test_a_pointwise_network_keeps_permutations_and_a_convolution_does_not() -> None:
    pointwise, _ = measured(nn.Conv1d(1, 1, 1), (32,), "permutation")
    local, _ = measured(box((32,)), (32,), "permutation")
    assert pointwise["equivariance_error"] < 1e-6 < 0.1 < local["equivariance_error"]
    assert "equivariance_error_border" not in pointwise


def test_a_departure_at_the_border_alone_is_told_from_one_in_the_middle() -> None:
    class Edge(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            mark = torch.zeros_like(x)
            mark[..., 0] = 1.0
            return x + mark

    numbers, _ = measured(Edge(), (16, 16), "shift")
    assert numbers["equivariance_error"] == 0
    assert numbers["equivariance_error_border"] > 0.1


def test_a_probe_without_a_symmetry_is_measured_for_its_receptive_field_alone() -> None:
    probe = cast(Probe, SimpleNamespace(symmetry=None, shape=Shape(1, 1, (8,)), loss=squared_error))
    numbers, maps = looked_at(nn.Conv1d(1, 1, 1), probe, Spots((8,)))
    assert set(numbers) == {"receptive_radius"}
    assert set(maps) == {"receptive_field"}


def test_a_network_whose_answer_does_not_depend_on_its_input_has_no_receptive_field() -> None:
    class Deaf(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    numbers, maps = measured(Deaf(), (8, 8), "shift")
    assert "receptive_radius" not in numbers
    assert "receptive_field" not in maps
    assert "equivariance_error" not in numbers


def test_shifts_are_odd_go_all_ways_and_bring_zeros_from_outside() -> None:
    values = torch.arange(1.0, 33).view(1, 1, 32)
    there, back = (move_positions(values, source) for source in axis_shifts((32,)))
    assert there[0, 0, :4].tolist() == [0, 0, 0, 1]
    assert back[0, 0, -4:].tolist() == [32, 0, 0, 0]
    assert len(list(axis_shifts((8, 8)))) == 4


def test_the_permutation_is_one_and_always_the_same() -> None:
    assert torch.equal(fixed_permutation((50,)).sort().values, torch.arange(50))
    assert torch.equal(fixed_permutation((50,)), fixed_permutation((50,)))


def test_the_middle_is_half_of_each_side() -> None:
    assert int(central_mask((8, 12)).sum()) == 4 * 6


def test_the_radius_holds_nine_tenths() -> None:
    field = torch.zeros(21)
    field[10], field[0] = 0.89, 0.11
    assert field_radius(field) == 10
    field[10], field[0] = 0.91, 0.09
    assert field_radius(field) == 0


def test_large_images_are_scored_and_measured_a_few_at_once() -> None:
    """A network sized to train in batches must not be given 256 large images: that took 13 GB."""
    given: list[int] = []

    class Counting(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            given.append(x.numel())
            return x * 1.0

    metric = Metric("error", "lower", 0.0, lambda output, target, inputs: output.flatten(1).mean(1), "a mean")
    probe = cast(
        Probe,
        SimpleNamespace(
            shape=Shape(1, 1, (128, 128)), symmetry="shift", metrics=(metric,), loss=squared_error
        ),
    )
    data = Spots((128, 128))
    whole = score_items(Counting(), probe, data, 40, CPU)["error"]
    assert whole.shape == (40,)
    looked_at(Counting(), probe, data)
    assert max(given) == 8 * 128 * 128
