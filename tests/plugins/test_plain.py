"""The plain network has the skeleton its parameter counts were recovered from, in 1-D and 2-D."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from probekit.plugin.interfaces import Shape
from probekit_plugins.encodings.coordconv import CoordConv
from probekit_plugins.layers.average import Average
from probekit_plugins.layers.lambda_ import Lambda
from probekit_plugins.structures.blocks import Bottleneck, Nonlocal, append_channels
from probekit_plugins.structures.plain import Plain

SHAPES = {"1-D": Shape(2, 3, (12,)), "2-D": Shape(2, 3, (4, 6))}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def hosted(layer: Callable[..., nn.Module], **given: Any) -> Callable[..., nn.Module]:
    return lambda channels, size, shared: layer(channels, size, **given)


def pointwise(linear: nn.Linear, x: Tensor) -> Tensor:
    y = torch.einsum("oi,bi...->bo...", linear.weight, x)
    return y + linear.bias.view(-1, *(1,) * (x.ndim - 2))


@shapes
@pytest.mark.parametrize("norm", [True, False])
def test_network_is_a_convolution_then_layers_each_with_a_bottleneck_then_a_convolution(
    shape: Shape, norm: bool
) -> None:
    torch.manual_seed(0)
    model = Plain(shape, width=8, layer=hosted(Lambda, keys=4), depth=2, norm=norm)
    first, *places, last = model.network
    x = torch.randn(2, 2, *shape.size)
    y = pointwise(first, x)
    assert len(places) == 2
    for place in places:
        seen = y
        if norm:
            seen = (y - y.mean(1, keepdim=True)) / (y.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
        y = y + place.layer(seen) * (0.1 if norm else 1)
        y = place.bottleneck(y)
    torch.testing.assert_close(model(x), pointwise(last, y))
    assert model(x).shape == (2, 3, *shape.size)


@shapes
def test_without_a_layer_no_position_sees_another(shape: Shape) -> None:
    torch.manual_seed(0)
    model, x = Plain(shape, width=8, depth=2), torch.randn(1, 2, *shape.size)
    there = (0, slice(None), *(1 for _ in shape.size))
    moved = x.clone()
    moved[there] += 1
    changed = (model(moved) != model(x)).any(1)
    assert changed.sum() == 1
    assert changed[(0, *there[2:])]


def test_every_place_hosts_a_layer_and_all_share_one_dict() -> None:
    calls: list[tuple[int, tuple[int, ...], int]] = []

    def layer(channels: int, size: tuple[int, ...], shared: dict[str, Any]) -> nn.Module:
        calls.append((channels, size, id(shared)))
        return nn.Identity()

    Plain(Shape(3, 1, (5, 7)), width=4, layer=layer, depth=3)
    assert len(calls) == 3
    assert len(set(calls)) == 1
    assert calls[0][:2] == (4, (5, 7))


@shapes
def test_channels_an_encoding_appends_reach_both_convolutions_of_the_bottleneck(shape: Shape) -> None:
    torch.manual_seed(0)
    size = shape.size
    place = Nonlocal(6, size, hosted(Lambda, keys=4, encoding=CoordConv), {}, norm=False)
    coordinates = CoordConv(6, size, keys=4, heads=1).extra()
    plain = Bottleneck(6)
    norm, widen, gelu, narrow, scale = place.bottleneck.mlp
    assert widen.in_features == 6 + len(size)
    assert narrow.in_features == 24 + len(size)
    x = torch.randn(2, 6, *size)
    y = x + place.layer(x)
    hidden = pointwise(widen, append_channels(norm(y), coordinates))
    expected = y + scale(pointwise(narrow, append_channels(gelu(hidden), coordinates)))
    torch.testing.assert_close(place(x), expected)
    assert plain.mlp[1].in_features == 6


def test_extra_channels_are_appended_after_an_items_own() -> None:
    x, extra = torch.randn(2, 3, 4), torch.randn(1, 4)
    assert torch.equal(append_channels(x, extra), torch.cat([x, torch.stack([extra, extra])], 1))
    assert append_channels(x, None) is x


def test_same_seed_gives_the_same_network() -> None:
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        build = partial(Plain, Shape(2, 3, (8,)), width=8, layer=hosted(Average))
        outputs.append(build()(torch.arange(16.0).view(1, 2, 8)))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
