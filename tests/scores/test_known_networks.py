"""What is guarded: what is measured of networks that are known, on the items of the real probes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Probe
from probekit.plugin.items import read_batch
from probekit.scores import equivariance
from probekit.scores.equivariance import measure_equivariance
from probekit.scores.measurement import Measurement, draw_random_items
from probekit.scores.offsets import find_ignored_offset
from probekit.scores.receptive_field import (
    effective_receptive_field,
    field_radius,
    receptive_field_map,
)
from probekit_probes.grouping.probe import Grouping
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.recall.probe import Recall
from probekit_probes.rotation.probe import Rotation
from probekit_probes.translation.controls import locate_white_pixels
from probekit_probes.translation.probe import Translation

CPU = torch.device("cpu")
ERROR, BORDER, RADIUS = "equivariance_error", "equivariance_error_border", "receptive_radius"
PROBES: dict[str, Callable[[], Any]] = {
    "translation": lambda: Translation(size=32, square=11),
    "rotation": lambda: Rotation(size=16),
    "grouping": lambda: Grouping(size=64, colours=5, test=600),
    "nonlocality": lambda: Nonlocality(height=4, width=128, rectangles=2, colours=2, gap=1, beyond=24),
}


class Network(nn.Module):
    """A function of the first input channel, answered as the logits (y, 0, ...)."""

    def __init__(self, function: Callable[[Tensor], Tensor], outputs: int) -> None:
        super().__init__()
        self.function, self.outputs = function, outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(x[:, :1])
        return functional.pad(y, (0, 0) * (y.ndim - 2) + (0, self.outputs - 1))


def measure(probe: Any, model: nn.Module) -> Measurement:
    return measure_equivariance(model.eval(), probe, probe.data("test", 0), CPU)


def error_of(name: str, function: Callable[[Tensor], Tensor], key: str = ERROR) -> float:
    probe = PROBES[name]()
    measurement = measure(probe, Network(function, probe.shape.outputs))
    assert not measurement.constant
    assert measurement.items[key] > 64
    return measurement.numbers[key]


def convolve(kernel: Tensor, mode: str = "constant") -> Callable[[Tensor], Tensor]:
    """Return two convolutions with a bias between them, so that the padding can be seen."""
    side = kernel.shape[-1] // 2

    def convolve_once(x: Tensor) -> Tensor:
        padded = functional.pad(x, (side,) * 4, mode=mode)
        return functional.conv2d(padded, kernel.view(1, 1, *kernel.shape))

    return lambda x: convolve_once((convolve_once(x) + 0.5).relu())


def columns(x: Tensor) -> Tensor:
    return torch.arange(x.shape[-1]).float().expand_as(x) / x.shape[-1]


def keep_rows(x: Tensor, last: int) -> Tensor:
    y = x.clone()
    y[:, :, last + 1 :] = 0
    return y


def causal_shift(x: Tensor) -> Tensor:
    return functional.pad(x, (3, 0))[..., : x.shape[-1]]


def down_and_up(x: Tensor) -> Tensor:
    return functional.interpolate(functional.avg_pool2d(x, 4), scale_factor=4)


BLUR = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
EDGE = torch.tensor([[0.0, 0, 0], [0, 1, -1], [0, 0, 0]])


def mean(x: Tensor) -> Tensor:
    return x.flatten(2).mean(2).view(len(x), 1, *(1,) * (x.ndim - 2)).expand_as(x)


def deep_sets(x: Tensor) -> Tensor:
    return (x - 0.5 * mean(x)).relu() + mean(x.square())


@pytest.mark.parametrize(
    ("probe", "function"),
    [
        pytest.param("translation", lambda x: x, id="identity on translation"),
        pytest.param("rotation", lambda x: x, id="identity on rotation"),
        pytest.param("grouping", lambda x: x, id="identity on grouping"),
        pytest.param("nonlocality", lambda x: x, id="identity on nonlocality"),
        pytest.param("translation", convolve(EDGE), id="convolution, inside"),
        pytest.param("translation", convolve(EDGE, "circular"), id="circular convolution"),
        pytest.param("nonlocality", mean, id="mean, moved"),
        pytest.param("translation", causal_shift, id="causal shift, moved"),
        pytest.param("rotation", lambda x: x + mean(x), id="mean added, turned"),
        pytest.param("rotation", convolve(BLUR, "circular"), id="a round kernel, turned"),
        pytest.param("rotation", lambda x: x.rot90(2, (2, 3)), id="a half turn, turned"),
        pytest.param("grouping", mean, id="mean, permuted"),
        pytest.param("grouping", deep_sets, id="deep sets"),
        pytest.param("grouping", lambda x: x.amax(2, keepdim=True) - x, id="maximum"),
    ],
)
def test_equivariant_networks_have_no_error(probe: str, function: Callable[[Tensor], Tensor]) -> None:
    assert error_of(probe, function) < 1e-6


@pytest.mark.parametrize(
    ("probe", "function"),
    [
        pytest.param("translation", lambda x: keep_rows(x, 13), id="nothing below row 13"),
        pytest.param("translation", lambda x: x * columns(x), id="x times column"),
        pytest.param("translation", lambda x: x + columns(x), id="position embedding"),
        pytest.param("translation", columns, id="the column alone"),
        pytest.param("translation", lambda x: x.flip(-1), id="a mirror"),
        pytest.param("translation", down_and_up, id="down-sampling by four"),
        pytest.param("nonlocality", lambda x: x * columns(x), id="x times column on nonlocality"),
        pytest.param("rotation", lambda x: x.mT, id="transpose"),
        pytest.param("rotation", convolve(EDGE), id="an edge, turned"),
        pytest.param("rotation", lambda x: x * columns(x), id="x times column, turned"),
        pytest.param("grouping", causal_shift, id="causal shift, permuted"),
        pytest.param("grouping", lambda x: x + columns(x), id="position embedding, permuted"),
        pytest.param("grouping", lambda x: x.sort(2).values, id="sorted"),
        pytest.param("grouping", lambda x: x.cumsum(2), id="running sum"),
    ],
)
def test_other_networks_have_one(probe: str, function: Callable[[Tensor], Tensor]) -> None:
    assert error_of(probe, function) > 0.1


def test_zero_padding_shows_at_the_border_alone() -> None:
    blur = convolve(BLUR)
    assert error_of("translation", blur) < 1e-6
    assert error_of("translation", blur, BORDER) > 0.01
    assert error_of("translation", convolve(BLUR, "circular"), BORDER) < 1e-6


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_is_called_constant(name: str, value: float) -> None:
    probe = PROBES[name]()
    model = Network(lambda x: torch.full_like(x, value), probe.shape.outputs)
    measurement = measure(probe, model)
    assert measurement.constant
    assert not measurement.numbers
    assert measurement.items[ERROR] > 64


@pytest.mark.parametrize("name", ["translation", "rotation"])
def test_a_mean_is_constant_where_items_have_equally_many_white_pixels(name: str) -> None:
    assert measure(PROBES[name](), Network(mean, PROBES[name]().shape.outputs)).constant


def test_rounding_errors_are_constant_and_a_faint_answer_is_not() -> None:
    probe = PROBES["translation"]()
    rounding = Network(lambda x: 1000 + 1e-4 * torch.sin(1e4 * (x + columns(x))), 2)
    faint = Network(lambda x: 1 + 1e-3 * (x + columns(x)), 2)
    exact = Network(lambda x: 100 + 10 * mean(x.sin()) + x, 2)
    slight = Network(lambda x: 10 + x + 0.02 * x * columns(x), 2)
    assert measure(probe, rounding).constant
    assert not measure(probe, faint).constant
    assert measure(probe, faint).numbers[ERROR] > 0.1
    assert measure(probe, exact).numbers[ERROR] == 0  # though rounding is 1e-4 of its spread
    assert 1e-4 < measure(probe, slight).numbers[ERROR] < 0.1


class Pair(nn.Module):
    """Two logits made of a blurred picture and the column, weighted in each."""

    def __init__(self, *weights: tuple[float, float]) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, x: Tensor) -> Tensor:
        blurred, column = convolve(BLUR)(x), columns(x) * mean(x) * 100
        return torch.cat([a * blurred + b * column for a, b in self.weights], 1)


@pytest.mark.parametrize(
    "model",
    [Pair((1, 0), (-1, 0)), Pair((0, 0), (1, 0)), Pair((1, 1), (0, 1)), Pair((4, 9), (1, 9))],
    ids=["(y, -y)", "(0, y)", "(y + c, c)", "(4 y + 9 c, y + 9 c)"],
)
def test_what_softmax_ignores_is_not_measured(model: nn.Module) -> None:
    """A common offset c that knows the column changes neither the answer nor the measurements."""
    probe = PROBES["translation"]()
    data, plain = probe.data("test", 0), Pair((1, 0), (0, 0))
    radius = [effective_receptive_field(m, probe, data, CPU).numbers[RADIUS] for m in (plain, model)]
    assert radius[0] == radius[1] == pytest.approx(2.24, abs=0.01)
    assert measure(probe, model).numbers[ERROR] < 1e-6
    assert measure(probe, Pair((1, 0), (0, 1))).numbers[ERROR] > 0.1  # an offset of one logit counts


@pytest.mark.parametrize(
    ("probe", "ignored"),
    [
        (PROBES["translation"], "position"),
        (PROBES["grouping"], "position"),
        (Recall, "position"),
        (PROBES["rotation"], "item"),
        (PROBES["nonlocality"], "none"),
    ],
)
def test_a_loss_says_what_it_ignores(probe: Callable[[], Any], ignored: str) -> None:
    made = probe()
    _, targets = read_batch(made.data("test", 0), range(8))
    assert find_ignored_offset(made, targets) == ignored


@pytest.mark.parametrize(
    ("name", "function", "radius"),
    [
        ("translation", lambda x: x, 0),
        ("translation", causal_shift, 3),
        ("grouping", lambda x: x.roll(5, 2), 5),
        ("nonlocality", lambda x: functional.pad(x, (20, 0))[..., :-20], 20),
    ],
)
def test_the_radius_of_a_known_network(
    name: str, function: Callable[[Tensor], Tensor], radius: float
) -> None:
    probe: Probe = PROBES[name]()
    model = Network(function, probe.shape.outputs)
    measurement = effective_receptive_field(model, probe, probe.data("test", 0), CPU)
    assert measurement.numbers[RADIUS] == radius
    assert measurement.items[RADIUS] == 64


def test_channels_that_cancel_in_a_sum_have_a_radius() -> None:
    model = nn.Conv1d(1, 2, 5, padding=2)
    with torch.no_grad():
        model.weight[1] = -model.weight[0]
    field = receptive_field_map(model, torch.randn(4, 1, 21), 2)
    assert field is not None
    assert int((field > 0).sum()) == 5


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("outputs", [3, 20])
def test_the_field_is_the_norm_of_the_jacobian(outputs: int, centred: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(2, 16, 7, padding=3), nn.Tanh(), nn.Conv1d(16, outputs, 7, padding=3))
    inputs = torch.randn(256, 2, 15)
    field = receptive_field_map(model, inputs, outputs, centred=centred)
    assert field is not None

    def centre(x: Tensor) -> Tensor:
        y = model(x)[..., 7]
        return (y - y.mean(1, keepdim=True) if centred else y).sum(0)

    jacobian = torch.autograd.functional.jacobian(centre, inputs)  # (outputs, items, channels, positions)
    norm = jacobian.square().sum((0, 2)).sqrt().mean(0)
    tolerance = 1e-4 if outputs == 3 else 0.1
    assert field == pytest.approx(norm / norm.sum(), rel=tolerance)
    assert field_radius(field) == field_radius(norm)


@pytest.mark.parametrize("scale", ["quick", "paper"])
def test_random_items_cover_all_rows_and_columns_of_translation(scale: str) -> None:
    probe = Translation(**Translation.scales[scale].parameters)
    data = probe.data("test", 0)
    everything = locate_white_pixels(read_batch(data, range(len(data)))[0])
    inputs, _ = draw_random_items(data, equivariance.CANDIDATES)
    moves = equivariance.list_moves("shift", inputs)
    assert [len(items) for _, items in moves] == [64] * 4
    drawn = locate_white_pixels(inputs[torch.cat([items for _, items in moves])])
    assert len(drawn.unique(dim=0)) == 256
    for axis in (0, 1):
        assert set(drawn[:, axis].tolist()) == set(everything[:, axis].tolist())
    first = locate_white_pixels(read_batch(data, range(64))[0])  # why the first items will not do
    assert len(set(first[:, 0].tolist())) < 6


@pytest.mark.parametrize("scale", ["smoke", "quick", "large"])
def test_random_items_cover_all_orientations_of_rotation(scale: str) -> None:
    probe = Rotation(**Rotation.scales[scale].parameters)
    inputs, targets = draw_random_items(probe.data("test", 0), equivariance.ITEMS)
    moves = equivariance.list_moves("turn", inputs)
    assert len(moves) == 7
    assert len(torch.cat([items for _, items in moves]).unique()) == 252
    orientations = probe.find_orientation(inputs, targets).long()
    for _, items in moves:
        counts = torch.bincount(orientations[items], minlength=8)
        assert int(counts[0]) == 0
        assert int(counts[1:].min()) > 0
    first = read_batch(probe.data("test", 0), range(64))
    assert len(set(probe.find_orientation(*first).tolist())) == 1


def test_the_same_random_items_are_drawn_again_without_repetition() -> None:
    data = PROBES["translation"]().data("test", 0)
    inputs, targets = draw_random_items(data, 256)
    assert torch.equal(inputs, draw_random_items(data, 256)[0])
    assert len(locate_white_pixels(inputs).unique(dim=0)) == 256
    assert len(draw_random_items(data, 10_000)[1]) == len(data)
    assert torch.equal(targets, PROBES["translation"]().oracle(inputs))
