"""What is guarded: the metrics are those of their definitions, and the two parts of an error add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from probekit_probes.nonlocality.distance import junction_distance
from probekit_probes.nonlocality.metrics import align_outputs, depth_metrics, is_in_pieces
from probekit_probes.nonlocality.palette import PALETTE, palette_indices
from probekit_probes.nonlocality.pixel_errors import PAIRS, draw_pairs
from probekit_probes.nonlocality.probe import Nonlocality

METRICS = {metric.name: metric for metric in depth_metrics()}
PROBE = Nonlocality(size=32, rectangles=5, gap=2, test=24)
IMAGES, DEPTHS = PROBE.data("test", 0).batch(range(24))


def score(name: str, output: Tensor, target: Tensor = DEPTHS, inputs: Tensor = IMAGES) -> Tensor:
    return METRICS[name].score(output, target, inputs)


def noisy(size: float = 0.1) -> Tensor:
    return DEPTHS + size * torch.randn(DEPTHS.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", [name for name in METRICS if name != "ord_extended"])
def test_the_truth_is_perfect_and_noise_is_not(name: str) -> None:
    perfect = score(name, DEPTHS)
    assert perfect.shape == (24,)
    assert perfect.dtype == torch.float32
    applies = ~perfect.isnan()
    assert applies.any()
    assert (perfect[applies] == METRICS[name].perfect).all()
    assert (score(name, noisy())[applies] > 0).all()


def test_the_headline_is_the_loss_and_its_gap_is_reported() -> None:
    assert next(iter(METRICS)) == "loss"
    assert {metric.name: metric.gap for metric in METRICS.values() if metric.gap} == {
        "loss": "gap",
        "loss_foreground": "gap_foreground",
    }
    assert float(PROBE.loss(noisy(), DEPTHS)) == pytest.approx(float(score("loss", noisy()).mean()))


def test_the_headline_counts_far_pixels_alone_where_it_is_asked_to() -> None:
    headline, *others = depth_metrics(beyond=9)
    assert (headline.name, headline.gap) == ("loss_far", "gap_far")
    assert [metric.name for metric in others] == list(METRICS)
    far = junction_distance(IMAGES, DEPTHS) >= 9
    error = (noisy() - DEPTHS)[:, 0].abs().double()
    found = headline.score(noisy(), DEPTHS, IMAGES)
    for image in range(24):
        if far[image].any():
            assert float(found[image]) == pytest.approx(float(error[image][far[image]].mean()))
        else:
            assert found[image].isnan()
    assert 0 < int(found.isnan().sum()) < 24
    probe = Nonlocality(size=32, rectangles=5, gap=2, beyond=9)
    assert probe.focus == probe.metrics[0].name == "loss_far"


@pytest.mark.parametrize("suffix", ["", "_foreground"])
def test_loss_rmse_and_delta_are_those_of_a_loop_over_pixels(suffix: str) -> None:
    output = noisy()
    for i in range(6):
        among = (IMAGES[i] != 0).any(0) if suffix else torch.ones(32, 32, dtype=torch.bool)
        y, t = output[i, 0][among].double().numpy(), DEPTHS[i, 0][among].double().numpy()
        ratio = np.maximum(np.maximum(y, 1e-6) / t, t / np.maximum(y, 1e-6))
        assert float(score("loss" + suffix, output)[i]) == pytest.approx(np.abs(y - t).mean(), rel=1e-5)
        assert float(score("rmse" + suffix, output)[i]) == pytest.approx(
            np.sqrt(((y - t) ** 2).mean()), rel=1e-5
        )
        assert float(score("delta" + suffix, output)[i]) == pytest.approx(
            (ratio > 1.25 + 1e-6).mean(), rel=1e-5
        )


@pytest.mark.parametrize(
    ("said", "truth", "counted"), [(5, 4, False), (4, 5, False), (4, 3, True), (3, 4, True)]
)
def test_delta_does_not_count_a_factor_of_exactly_five_quarters(said: int, truth: int, counted: bool) -> None:
    output = torch.full((1, 1, 4, 4), said) / 11
    target = torch.full((1, 1, 4, 4), truth) / 11
    assert float(score("delta", output, target, torch.zeros(1, 3, 4, 4))) == counted


@pytest.mark.parametrize("suffix", ["", "_foreground"])
def test_ord_is_that_of_a_loop_over_pairs(suffix: str) -> None:
    output = noisy(0.02)
    found = score("ord" + suffix, output)

    def order(one: float, other: float) -> int:
        one, other = max(one, 1e-6), max(other, 1e-6)
        return 1 if one >= other * 1.03 else -1 if other >= one * 1.03 else 0

    for i in range(2):
        y, t = (values[i].flatten().tolist() for values in (output, DEPTHS))
        among = [bool(suffix == "") or bool(pixel) for pixel in palette_indices(IMAGES[i : i + 1]).flatten()]
        told = [
            order(y[a], y[b]) != order(t[a], t[b])
            for a, b in draw_pairs(1024).t().tolist()
            if among[a] and among[b]
        ]
        assert float(found[i]) == pytest.approx(np.mean(told), rel=1e-4)


def test_ord_asks_the_same_pairs_of_every_network_whatever_the_global_seed() -> None:
    torch.manual_seed(1)
    first = draw_pairs(1024)
    torch.manual_seed(2)
    assert torch.equal(first, draw_pairs(1024))
    assert first.shape == (2, PAIRS)
    assert 0 <= first.min() < first.max() < 1024


def test_errors_outside_the_rectangles_do_not_count_in_the_foreground() -> None:
    outside = (IMAGES == 0).all(1, keepdim=True)
    wrong = torch.where(outside, DEPTHS + 0.3, DEPTHS)
    for name in ("loss", "ord", "delta", "rmse"):
        assert (score(name, wrong) > 0).all()
        assert (score(f"{name}_foreground", wrong) == 0).all()


def test_wrong_level_and_unspread_are_exactly_the_squared_error_of_the_rectangles() -> None:
    output = noisy()
    squared = ((output - DEPTHS) ** 2).flatten(1).double()
    index = palette_indices(IMAGES).flatten(1)
    expected = [
        np.mean(
            [float(squared[i][index[i] == colour].mean()) for colour in sorted(set(index[i].tolist()) - {0})]
        )
        for i in range(24)
    ]
    found = score("wrong_level", output).double() ** 2 + score("unspread", output).double() ** 2
    assert found.tolist() == pytest.approx(expected, rel=1e-5)


def test_a_rectangle_even_at_the_wrong_level_is_spread_and_a_right_mean_is_no_wrong_level() -> None:
    shifted = torch.where((IMAGES == 0).all(1, keepdim=True), DEPTHS, DEPTHS + 0.2)
    assert torch.allclose(score("wrong_level", shifted), torch.tensor(0.2), atol=1e-6)
    assert score("unspread", shifted).max() < 1e-6
    image = PALETTE[torch.tensor([[1, 1], [2, 2]])].permute(2, 0, 1)[None]
    uneven = torch.tensor([[0.1, 0.3], [0.5, 0.7]])[None, None]
    truth = torch.tensor([[0.2, 0.2], [0.6, 0.6]])[None, None]
    assert score("wrong_level", uneven, truth, image).item() < 1e-6
    assert score("unspread", uneven, truth, image).item() == pytest.approx(0.1)


def test_unspread_split_looks_at_rectangles_in_pieces_alone_and_is_nan_where_there_is_none() -> None:
    cut = torch.tensor([[1, 2, 1, 0], [3, 3, 0, 0]])
    whole = torch.tensor([[1, 2, 2, 0], [3, 3, 0, 0]])
    images = PALETTE[torch.stack([cut, whole])].permute(0, 3, 1, 2)
    truth = torch.full((2, 1, 2, 4), 0.5)
    output = truth.clone()
    output[:, 0, 1, 0] += 0.4  # in colour 3, whole in both
    output[:, 0, 0, 0] += 0.2  # in colour 1, cut in the first
    found = score("unspread_split", output, truth, images)
    assert found[0].item() == pytest.approx(0.1)
    assert found[1].isnan()
    assert torch.equal(found.isnan(), ~is_in_pieces(images).any(1))


def pieces(mask: np.ndarray) -> int:
    """Count 4-connected pieces by flooding."""
    left = set(map(tuple, np.argwhere(mask).tolist()))
    count = 0
    while left:
        count += 1
        stack = [left.pop()]
        while stack:
            row, column = stack.pop()
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if near in left:
                    left.remove(near)
                    stack.append(near)
    return count


@pytest.mark.parametrize("colours", [2, 3, 11])
def test_in_pieces_agrees_with_a_flood_on_any_image(colours: int) -> None:
    random = np.random.default_rng(colours)
    maps = random.integers(colours, size=(60, 7, 9))
    maps[30:] = np.repeat(np.repeat(maps[30:, :3, :4], 3, axis=1), 3, axis=2)[:, :7, :9]  # with equal rows
    found = is_in_pieces(PALETTE[torch.from_numpy(maps)].permute(0, 3, 1, 2))
    assert found.tolist() == [[pieces(image == c) > 1 for c in range(1, 11)] for image in maps]


def test_in_pieces_agrees_with_a_flood_on_scenes() -> None:
    maps = palette_indices(IMAGES).numpy()
    expected = [[pieces(image == c) > 1 for c in range(1, 11)] for image in maps]
    assert is_in_pieces(IMAGES).tolist() == expected
    assert 0 < np.sum(expected) < 24


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (0.01, 5.0), (40.0, -20.0), (-2.0, 1.0)])
def test_an_answer_that_is_right_up_to_a_scale_and_a_shift_is_right_once_aligned(
    scale: float, shift: float
) -> None:
    probe = Nonlocality(size=24, rectangles=3, aligned=True, train=8, test=8)
    inputs, targets = probe.data("test", 0).batch(range(8))
    metrics = {metric.name: metric for metric in probe.metrics}
    answer = scale * targets.double() + shift
    for name in ("loss", "rmse", "ord", "delta", "wrong_level"):
        assert float(metrics[name].score(answer, targets, inputs).abs().max()) < 1e-5
    torch.testing.assert_close(probe.drawn(answer, targets), targets)
    along, far = probe.axis.score(answer, targets, inputs), probe.axis.difficulty(inputs, targets)
    torch.testing.assert_close(along[~far.isnan()], torch.zeros_like(along[~far.isnan()]), atol=1e-5, rtol=0)
    told = float(metrics["ord_unaligned"].score(answer, targets, inputs).mean())
    assert told == 0 if (scale, shift) == (1.0, 0.0) else told > 0.1


def test_no_scale_or_shift_is_better_than_that_which_aligns() -> None:
    torch.manual_seed(0)
    output, target = torch.randn(3, 1, 6, 7), torch.rand(3, 1, 6, 7)
    aligned = align_outputs(output, target)
    least = (aligned - target).square().sum((1, 2, 3))
    for scale, shift in ((1.01, 0.0), (0.99, 0.0), (1.0, 0.01), (1.0, -0.01)):
        assert ((scale * aligned + shift - target).square().sum((1, 2, 3)) > least).all()
    flat = torch.full((1, 1, 6, 7), 3.0)
    torch.testing.assert_close(align_outputs(flat, target[:1]), target[:1].mean().expand(1, 1, 6, 7))
