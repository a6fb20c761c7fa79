"""What is guarded: encodings that attention takes keep their paper's formula, in 1-D and 2-D."""

from __future__ import annotations

import cmath
import itertools
import math
from functools import partial

import pytest
import torch
from direct import per_position, sites, softmax
from torch import Tensor

from probekit_plugins.encodings.bias import ALiBi, Relative
from probekit_plugins.encodings.conditional import Conditional
from probekit_plugins.encodings.fourier import Fourier
from probekit_plugins.encodings.rotary import Rotary
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.transformer import Transformer

pytestmark = pytest.mark.usefixtures("double")
SIZES = pytest.mark.parametrize("size", [(7,), (3, 4)], ids=["1-D", "2-D"])
ENCODINGS = [ALiBi, Conditional, partial(Fourier, features=6), Relative, Rotary]


def attention(layer: Transformer, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, causal: bool) -> Tensor:
    """Return dense attention of one item, (channels, positions); bias: (heads, positions, positions)."""
    found = []
    for head, (asks, keys, values) in enumerate(
        zip(*(one.chunk(len(bias)) for one in (q, k, v)), strict=True)
    ):
        columns = []
        for n in range(asks.shape[1]):
            some = range(n + 1 if causal else asks.shape[1])
            scores = [asks[:, n] @ keys[:, m] / math.sqrt(len(asks)) + bias[head, n, m] for m in some]
            shares = softmax(scores)
            columns.append(sum(share * values[:, m] for share, m in zip(shares, some, strict=True)))
        found.append(torch.stack(columns, 1))
    return per_position(layer.out_proj.weight, torch.cat(found), layer.out_proj.bias)


def turned(x: Tensor, size: tuple[int, ...], heads: int) -> Tensor:
    """Return each pair of channels of (channels, positions) as a number, times e to the i n w."""
    x, places, rows = x.detach(), sites(size), []
    for part in x.chunk(heads):
        pairs, axes = len(part) // 2, len(size)
        per_axis = -(-pairs // axes)
        made = torch.zeros_like(part)
        for pair in range(pairs):
            wave = 10_000 ** (-(pair // axes) / per_axis)
            for n, place in enumerate(places):
                number = complex(float(part[2 * pair, n]), float(part[2 * pair + 1, n]))
                number *= cmath.exp(1j * wave * place[::-1][pair % axes])
                made[2 * pair, n], made[2 * pair + 1, n] = number.real, number.imag
        rows.append(made)
    return torch.cat(rows)


@SIZES
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("build", ENCODINGS, ids=["alibi", "conditional", "fourier", "relative", "rotary"])
def test_attention_with_an_encoding_is_that_of_its_formula(
    build: type, causal: bool, size: tuple[int, ...]
) -> None:
    layer = Transformer(8, size, heads=2, causal=causal, encoding=build)
    encoding, places = layer.encoding, sites(size)
    x = torch.randn(8, *size)
    rows, bias = x.flatten(1), torch.zeros(2, len(places), len(places))
    if isinstance(encoding, ALiBi):
        for head, (n, a), (m, b) in itertools.product(range(2), enumerate(places), enumerate(places)):
            bias[head, n, m] = -math.dist(a, b) * 2 ** (-4 * (head + 1))
    if isinstance(encoding, Relative):
        spans = [2 * side - 1 for side in size]
        table = encoding.relative_position_bias_table.view(2, *spans)
        for (n, a), (m, b) in itertools.product(enumerate(places), enumerate(places)):
            apart = [i - j + side - 1 for i, j, side in zip(a, b, size, strict=True)]
            bias[:, n, m] = table[(slice(None), *apart)]
    if isinstance(encoding, Conditional):
        kernel = encoding.depthwise.weight[:, 0]
        columns = []
        for place in places:
            total = encoding.depthwise.bias + x[(slice(None), *place)]
            for step in itertools.product(range(3), repeat=len(size)):
                there = [a + s - 1 for a, s in zip(place, step, strict=True)]
                if all(0 <= a < side for a, side in zip(there, size, strict=True)):
                    total = total + kernel[(slice(None), *step)] * x[(slice(None), *there)]
            columns.append(total)
        rows = torch.stack(columns, 1)
    if isinstance(encoding, Fourier):
        columns = []
        for n, place in enumerate(places):
            at = torch.tensor([a / max(1, side - 1) for a, side in zip(place, size, strict=True)])
            phase = encoding.frequencies @ at
            features = torch.cat([phase.cos(), phase.sin()]) / math.sqrt(6)
            hidden = encoding.mlp[0].weight @ features + encoding.mlp[0].bias
            hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
            columns.append(rows[:, n] + encoding.mlp[2].weight @ hidden + encoding.mlp[2].bias)
        rows = torch.stack(columns, 1)
    q, k, v = per_position(layer.in_proj.weight, rows, layer.in_proj.bias).chunk(3)
    if isinstance(encoding, Rotary):
        q, k = turned(q, size, 2), turned(k, size, 2)
    expected = attention(layer, q, k, v, bias, causal)
    torch.testing.assert_close(layer(x[None])[0].flatten(1), expected)


def test_rotary_tells_differences_of_positions_and_nothing_else() -> None:
    encoding = Rotary(16, (5, 6), keys=8, heads=2)
    q, k = torch.randn(8).expand(1, 2, 30, 8), torch.randn(8).expand(1, 2, 30, 8)
    found = torch.matmul(*(one if at == 0 else one.mT for at, one in enumerate(encoding.turn(q, k))))[0, 0]
    by: dict[tuple[int, int], list[float]] = {}
    places = sites((5, 6))
    for (n, a), (m, b) in itertools.product(enumerate(places), enumerate(places)):
        by.setdefault((a[0] - b[0], a[1] - b[1]), []).append(float(found[n, m]))
    assert all(max(some) - min(some) < 1e-12 for some in by.values())
    assert len({round(some[0], 9) for some in by.values()}) == len(by) == 99


def test_linear_attention_is_turned_before_its_features() -> None:
    layer = LinearAttention(8, (4,), heads=2, encoding=Rotary)
    x = torch.randn(1, 8, 4)
    q, k, v = layer.in_proj(x.mT).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)
    by_hand = layer.attend_heads(*layer.encoding.turn(q, k), v)
    torch.testing.assert_close(layer(x), layer.out_proj(by_hand.transpose(1, 2).flatten(2)).mT)


def test_an_odd_channel_of_a_head_is_left_as_it_is() -> None:
    encoding = Rotary(3, (5,), keys=3, heads=1)
    x = torch.randn(1, 1, 5, 3)
    found, _ = encoding.turn(x, x)
    torch.testing.assert_close(found[..., 2], x[..., 2])
    assert not torch.allclose(found[..., 1:, :2], x[..., 1:, :2])
