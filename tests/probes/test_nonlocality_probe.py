"""What is guarded: the controls are what they say, an unknown colour and what does not fit are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit_probes.nonlocality.controls import ColourMedian, Constant, build_image_window, median_depth
from probekit_probes.nonlocality.oracle import read_depth
from probekit_probes.nonlocality.palette import PALETTE, RGB, palette_indices
from probekit_probes.nonlocality.probe import Nonlocality

LEVELS = (torch.arange(11) + 1) / 11


@pytest.fixture(scope="module")
def split() -> tuple[Any, Tensor, Tensor]:
    data = Nonlocality(size=24, rectangles=4, gap=2, colours=6, train=600).data("train", 0)
    return (data, *data.batch(range(600)))


def test_the_constant_is_the_best_answer_that_looks_at_nothing(split: tuple[Any, Tensor, Tensor]) -> None:
    data, images, depths = split
    control = Constant()
    control.fit(data)
    answer = control(images)
    assert answer.shape == depths.shape
    assert torch.equal(answer.amin(), answer.amax())
    shown = depths[(images != 0).any(1, keepdim=True)]
    costs = [float((shown - level).abs().mean()) for level in torch.linspace(0, 1, 111)]
    assert float((shown - answer.flatten()[0]).abs().mean()) <= min(costs) + 1e-6


def test_the_colour_median_is_the_best_answer_to_each_colour(split: tuple[Any, Tensor, Tensor]) -> None:
    data, images, depths = split
    control = ColourMedian()
    control.fit(data)
    answer, index = control(images), palette_indices(images)[:, None]
    assert answer.shape == depths.shape
    for colour in range(7):
        found, truth = answer[index == colour], depths[index == colour]
        assert torch.equal(found.amin(), found.amax())
        costs = [float((truth - level).abs().mean()) for level in LEVELS]
        assert float((truth - found).abs().mean()) <= min(costs) + 1e-6
    assert (answer[index == 0] == LEVELS[0]).all()


def test_the_median_is_the_level_of_least_absolute_error_of_any_counts() -> None:
    counts = torch.randint(20, (50, 11), generator=torch.Generator().manual_seed(0))
    costs = ((LEVELS[:, None] - LEVELS).abs() @ counts.T.float()).T
    told = costs.gather(1, (median_depth(counts) * 11).round().long()[:, None] - 1)[:, 0]
    assert torch.allclose(told, costs.amin(1))


def test_a_colour_never_seen_gets_the_median_of_all(split: tuple[Any, Tensor, Tensor]) -> None:
    data, _, _ = split
    constant, colour = Constant(), ColourMedian()
    constant.fit(data)
    colour.fit(data)
    unseen = PALETTE[9].view(1, 3, 1, 1)
    assert torch.equal(colour(unseen), constant(unseen))


@pytest.mark.parametrize(("size", "side"), [(64, 9), (128, 17)])
def test_the_window_network_sees_a_window_and_nothing_beyond(size: int, side: int) -> None:
    torch.manual_seed(0)
    network = build_image_window(Shape(3, 1, (size, size)), width=2)
    image = torch.rand(1, 3, size, size, requires_grad=True)
    output = network(image)
    assert output.shape == (1, 1, size, size)
    output[0, 0, size // 2, size // 2].backward()
    assert image.grad is not None
    rows, columns = image.grad[0].abs().sum(0).nonzero(as_tuple=True)
    near = size // 2 - side // 2, size // 2 + side // 2
    for places in (rows, columns):
        assert (int(places.min()), int(places.max())) == near


def test_in_a_long_frame_the_window_is_an_eighth_of_each_side() -> None:
    network = build_image_window(Shape(3, 1, (16, 128)), width=2)
    assert tuple(network[0].kernel_size) == (3, 17)
    assert network(torch.zeros(1, 3, 16, 128)).shape == (1, 1, 16, 128)


def test_a_frame_of_two_equal_sides_is_the_square_and_one_side_alone_leaves_the_other() -> None:
    asked: dict[str, Any] = {"rectangles": 3, "gap": 2, "train": 8}
    square, frame = Nonlocality(size=16, **asked), Nonlocality(height=16, width=16, **asked)
    for one, other in zip(
        square.data("train", 0).batch(range(8)), frame.data("train", 0).batch(range(8)), strict=True
    ):
        assert torch.equal(one, other)
    assert Nonlocality(size=16, width=64, **asked).shape == Shape(3, 1, (16, 64))
    assert Nonlocality(size=64, height=16, **asked).shape == Shape(3, 1, (16, 64))


def test_the_scores_of_the_truth_are_perfect_in_a_long_frame() -> None:
    probe = Nonlocality(height=10, width=40, rectangles=3, gap=2, test=64)
    images, depths = probe.data("test", 0).batch(range(64))
    for metric in probe.metrics:
        scores = metric.score(depths, depths, images)
        assert scores.nan_to_num().abs().max() < 1e-6, metric.name


def test_the_window_is_what_the_certificate_trains() -> None:
    controls = Nonlocality(size=16, rectangles=3, gap=2).controls()
    assert [hasattr(control, "fit") for control in controls.values()] == [True, True, False]


def test_colours_are_read_exactly_and_an_unknown_one_is_refused() -> None:
    every = torch.arange(11).view(1, 1, 11)
    images = PALETTE[every].permute(0, 3, 1, 2)
    assert torch.equal(palette_indices(images), every)
    assert len(set(RGB)) == 11
    images[0, 1, 0, 3] += 1 / 255
    with pytest.raises(ValueError, match="not in the palette"):
        palette_indices(images)
    with pytest.raises(ValueError, match="not in the palette"):
        read_depth(torch.full((1, 3, 4, 4), torch.nan))


def test_the_oracle_reads_pictures_drawn_by_hand() -> None:
    """One rectangle over two that lie apart: two beneath it, the longest chain beneath it one."""
    cells = torch.zeros(1, 8, 8, dtype=torch.long)
    cells[0, 1:3, 0:3] = 1
    cells[0, 4:7, 4:8] = 2
    cells[0, 2:5, 2:6] = 3
    images = PALETTE[cells].permute(0, 3, 1, 2)
    found = read_depth(images)
    assert found.level[0, :4].tolist() == [1, 1, 3, 0]
    assert read_depth(images, "chain").level[0, :4].tolist() == [1, 1, 2, 0]
    assert torch.equal(found.depth[0, 0], torch.tensor([1, 2, 2, 4])[cells[0]] / 11)
    assert bool(found.certified)


def test_what_images_contain_is_counted() -> None:
    probe = Nonlocality(size=16, rectangles=3, gap=2, test=16)
    images, depths = probe.data("test", 0).batch(range(16))
    found = probe.contents(images, depths)
    assert set(found["rectangles"].tolist()) == {2, 3}
    assert torch.equal(found["greatest level"], (depths.flatten(1).amax(1) * 11).round().long() - 1)
    assert torch.allclose(found["share of background"], (depths == LEVELS[0]).float().flatten(1).mean(1))


def test_the_ambiguous_probe_trains_on_unfiltered_scenes_and_is_judged_on_unambiguous_ones() -> None:
    starred = Nonlocality(size=32, rectangles=5, gap=2, ambiguous=True, train=64, validation=64, test=64)
    plain = Nonlocality(size=32, rectangles=5, gap=2, train=64, validation=64, test=64)
    images, depths = starred.data("train", 0).batch(range(64))
    assert (starred.oracle(images) != depths).flatten(1).any(1).float().mean() > 0.2
    for split in ("validation", "test"):
        same = zip(
            starred.data(split, 0).batch(range(64)), plain.data(split, 0).batch(range(64)), strict=True
        )
        assert all(torch.equal(one, other) for one, other in same)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ({"size": 37, "rectangles": 10, "gap": 2}, "size=38"),
        ({"height": 9, "rectangles": 3, "gap": 2}, "height=10"),
        ({"size": 9, "height": 32, "rectangles": 3, "gap": 2}, "size=10"),
        ({"size": 32, "width": 9, "rectangles": 3, "gap": 2}, "width=10"),
        ({"rectangles": 5, "colours": 4}, "colours=5 to 10"),
        ({"size": 32, "height": 8, "width": 64}, "size=32 for a square, or height=8 and width=64"),
        ({"rectangles": 6, "overlapping": True}, "rectangles=5 or fewer"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_type(asked: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        Nonlocality(**asked)


@pytest.mark.parametrize(("size", "rectangles", "gap"), [(38, 10, 2), (3, 2, 1), (95, 10, 5)])
def test_the_least_size_that_is_not_refused_can_be_drawn(size: int, rectangles: int, gap: int) -> None:
    probe = Nonlocality(size=size, rectangles=rectangles, gap=gap, train=8)
    images, depths = probe.data("train", 0).batch(range(8))
    assert torch.equal(probe.oracle(images), depths)
