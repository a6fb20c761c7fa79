"""The layers beyond the paper's own, each with its formula as a slow loop that shares no code with it.

A formula takes a map (channels, positions), its positions in the order of `sites(size)`, the layer's
parameters by name, and the size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import torch
from direct import Size, Weights, per_position, sites, softmax
from torch import Tensor, nn

from probekit_plugins.layers.axial import Axial
from probekit_plugins.layers.criss_cross import CrissCross
from probekit_plugins.layers.double_attention import DoubleAttention
from probekit_plugins.layers.efficient_attention import EfficientAttention
from probekit_plugins.layers.fastformer import Fastformer
from probekit_plugins.layers.fnet import FNet
from probekit_plugins.layers.gather_excite import GatherExcite
from probekit_plugins.layers.global_filter import GlobalFilter
from probekit_plugins.layers.glore import GloRe
from probekit_plugins.layers.gmlp import GMLP
from probekit_plugins.layers.large_kernel import LargeKernel
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.perceiver import Perceiver
from probekit_plugins.layers.retention import Retention
from probekit_plugins.layers.s4d import S4D
from probekit_plugins.layers.squeeze_excite import SqueezeExcite
from probekit_plugins.layers.ssd import SSD
from probekit_plugins.layers.window import Window
from probekit_plugins.layers.xca import XCA

Formula = Callable[[Tensor, Weights, Size], Tensor]


def linear(name: str, x: Tensor, weights: Weights) -> Tensor:
    """Apply a linear map to each position of (channels, positions)."""
    return per_position(weights[f"{name}.weight"], x, weights.get(f"{name}.bias"))


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def in_heads(maps: Tensor, count: int, heads: int) -> list[list[Tensor]]:
    """Return (count x heads) maps of (d, positions) from (count * channels, positions)."""
    return [list(part.chunk(heads)) for part in maps.chunk(count)]


def squeeze_excite(x: Tensor, weights: Weights, size: Size) -> Tensor:
    mean = x.sum(1) / x.shape[1]
    hidden = torch.relu(weights["gate.0.weight"] @ mean + weights["gate.0.bias"])
    gate = sigmoid(weights["gate.2.weight"] @ hidden + weights["gate.2.bias"])
    return torch.stack([gate * x[:, n] for n in range(x.shape[1])], 1)


def gather_excite(x: Tensor, weights: Weights, size: Size, extent: int = 0) -> Tensor:
    places, columns = sites(size), []
    for n, place in enumerate(places):
        block = [
            m
            for m, other in enumerate(places)
            if not extent or all(a // extent == b // extent for a, b in zip(place, other, strict=True))
        ]
        columns.append(x[:, n] * sigmoid(sum(x[:, m] for m in block) / len(block)))
    return torch.stack(columns, 1)


def double_attention(x: Tensor, weights: Weights, size: Size) -> Tensor:
    features, hands = linear("maps", x, weights).chunk(2)
    shares = torch.stack([torch.stack(softmax(list(row))) for row in linear("gather", x, weights)])
    descriptors = [sum(shares[m, n] * features[:, n] for n in range(x.shape[1])) for m in range(len(shares))]
    columns = []
    for n in range(x.shape[1]):
        given = softmax(list(hands[:, n]))
        columns.append(sum(part * one for part, one in zip(given, descriptors, strict=True)))
    return linear("out", torch.stack(columns, 1), weights)


def glore(x: Tensor, weights: Weights, size: Size) -> Tensor:
    shares, features = linear("project", x, weights), linear("reduce", x, weights)
    nodes = [
        sum(shares[m, n] * features[:, n] for n in range(x.shape[1])) / x.shape[1] for m in range(len(shares))
    ]
    mixed = [
        sum(weights["nodes.weight"][m, other] * nodes[other] for other in range(len(nodes)))
        + weights["nodes.bias"][m]
        for m in range(len(nodes))
    ]
    reasoned = [weights["features.weight"] @ (node - more) for node, more in zip(nodes, mixed, strict=True)]
    columns = [sum(shares[m, n] * reasoned[m] for m in range(len(nodes))) for n in range(x.shape[1])]
    return linear("out", torch.stack(columns, 1), weights)


def criss_cross(x: Tensor, weights: Weights, size: Size) -> Tensor:
    places, inside = sites(size), max(1, len(x) // 8)

    def once(x: Tensor) -> Tensor:
        maps = linear("maps", x, weights)
        q, k, v = maps[:inside], maps[inside : 2 * inside], maps[2 * inside :]
        columns = []
        for n, place in enumerate(places):
            seen = [
                m
                for m, other in enumerate(places)
                if sum(a != b for a, b in zip(place, other, strict=True)) <= 1
            ]
            shares = softmax([q[:, n] @ k[:, m] for m in seen])
            columns.append(sum(share * v[:, m] for share, m in zip(shares, seen, strict=True)))
        return torch.stack(columns, 1)

    return once(x + once(x))


def dense(q: Tensor, k: Tensor, v: Tensor, seen: Sequence[Sequence[int]] | None = None) -> Tensor:
    """Return attention of (d, positions) to those seen by each, all by default."""
    columns = []
    for n in range(q.shape[1]):
        some = range(k.shape[1]) if seen is None else seen[n]
        shares = softmax([q[:, n] @ k[:, m] / math.sqrt(len(q)) for m in some])
        columns.append(sum(share * v[:, m] for share, m in zip(shares, some, strict=True)))
    return torch.stack(columns, 1)


def axial(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    places = sites(size)
    for number, axis in enumerate(reversed(range(len(size)))):
        seen = [
            [
                m
                for m, other in enumerate(places)
                if all(a == b for at, (a, b) in enumerate(zip(place, other, strict=True)) if at != axis)
            ]
            for place in places
        ]
        q, k, v = in_heads(linear(f"along.{number}.maps", x, weights), 3, heads)
        read = torch.cat([dense(*parts, seen) for parts in zip(q, k, v, strict=True)])
        x = linear(f"along.{number}.out", read, weights)
    return x


def window(x: Tensor, weights: Weights, size: Size, heads: int = 2, side: int = 3, before: int = 0) -> Tensor:
    places = sites(size)
    seen = [
        [
            m
            for m, other in enumerate(places)
            if all((a + before) // side == (b + before) // side for a, b in zip(place, other, strict=True))
        ]
        for place in places
    ]
    q, k, v = in_heads(linear("maps", x, weights), 3, heads)
    return linear("out", torch.cat([dense(*parts, seen) for parts in zip(q, k, v, strict=True)]), weights)


def efficient_attention(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    found = []
    for q, k, v in zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True):
        shares = torch.stack([torch.stack(softmax(list(row))) for row in k])
        columns = []
        for n in range(x.shape[1]):
            asks = softmax(list(q[:, n]))
            columns.append(
                sum(
                    ask * sum(shares[c, m] * v[:, m] for m in range(x.shape[1])) for c, ask in enumerate(asks)
                )
            )
        found.append(torch.stack(columns, 1))
    return linear("out", torch.cat(found), weights)


def linear_attention(x: Tensor, weights: Weights, size: Size, heads: int = 2, causal: bool = False) -> Tensor:
    directions = weights.get("directions")

    def phi(column: Tensor) -> Tensor:
        if directions is None:
            return torch.where(column > 0, column + 1, torch.exp(column))
        column = column / len(column) ** 0.25
        return torch.exp(directions @ column - column @ column / 2)

    found = []
    for q, k, v in zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True):
        columns = []
        for n in range(x.shape[1]):
            some = range(n + 1 if causal else x.shape[1])
            shares = [phi(q[:, n]) @ phi(k[:, m]) for m in some]
            columns.append(sum(share * v[:, m] for share, m in zip(shares, some, strict=True)) / sum(shares))
        found.append(torch.stack(columns, 1))
    return linear("out", torch.cat(found), weights)


def fastformer(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    found = []
    for head, (q, k, v) in enumerate(zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True)):

        def pooled(rows: list[Tensor], name: str, head: int = head) -> Tensor:
            by = weights[name][head]
            shares = softmax([by @ row / math.sqrt(len(by)) for row in rows])
            return sum((share * row for share, row in zip(shares, rows, strict=True)), torch.zeros(()))

        query = pooled(list(q.T), "queries")
        key = pooled([query * row for row in k.T], "keys")
        w, b = weights["transform.weight"], weights["transform.bias"]
        found.append(torch.stack([w @ (key * v[:, n]) + b + q[:, n] for n in range(x.shape[1])], 1))
    return linear("out", torch.cat(found), weights)


def perceiver(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    def cross(name: str, rows: Tensor, others: Tensor) -> Tensor:
        q = linear(f"{name}.queries", rows, weights).chunk(heads)
        k, v = in_heads(linear(f"{name}.maps", others, weights), 2, heads)
        read = torch.cat([dense(*parts) for parts in zip(q, k, v, strict=True)])
        return linear(f"{name}.out", read, weights)

    latents = weights["latents"].T
    latents = latents + cross("read", latents, x)
    latents = latents + cross("think", latents, latents)
    return cross("write", x, latents)


def large_kernel(x: Tensor, weights: Weights, size: Size) -> Tensor:
    kernel, places = weights["depthwise.weight"][:, 0], sites(size)
    middle, columns = kernel.shape[1] // 2, []
    for place in places:
        total = weights["depthwise.bias"]
        for m, other in enumerate(places):
            steps = [b - a + middle for a, b in zip(place, other, strict=True)]
            if all(0 <= step < kernel.shape[1] for step in steps):
                total = total + kernel[(slice(None), *steps)] * x[:, m]
        columns.append(total)
    return linear("out", torch.stack(columns, 1), weights)


def global_filter(x: Tensor, weights: Weights, size: Size) -> Tensor:
    """A circular convolution with the kernel whose transform the filter is, worked out in positions."""
    half = torch.view_as_complex(weights["filter"])
    kernel = torch.fft.irfftn(half, s=size, dim=tuple(range(1, 1 + len(size))))
    places, columns = sites(size), []
    for place in places:
        total = torch.zeros(())
        for m, other in enumerate(places):
            back = [(a - b) % side for a, b, side in zip(place, other, size, strict=True)]
            total = total + kernel[(slice(None), *back)] * x[:, m]
        columns.append(total)
    return torch.stack(columns, 1)


def fnet(x: Tensor, weights: Weights, size: Size) -> Tensor:
    places, rows = sites(size), []
    sides = (len(x), *size)
    for c in range(len(x)):
        row = []
        for place in places:
            total = torch.zeros(())
            for d in range(len(x)):
                for m, other in enumerate(places):
                    turns = sum(
                        a * b / side for a, b, side in zip((c, *place), (d, *other), sides, strict=True)
                    )
                    total = total + math.cos(2 * math.pi * turns) * x[d, m]
            row.append(total)
        rows.append(torch.stack(row))
    return torch.stack(rows) / math.sqrt(x.numel())


def xca(x: Tensor, weights: Weights, size: Size, heads: int = 2) -> Tensor:
    found = []
    for head, (q, k, v) in enumerate(zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True)):
        rows = []
        for c in range(len(q)):
            scores = [
                weights["temperature"][head, 0, 0] * (q[c] @ k[d]) / (q[c].norm() * k[d].norm())
                for d in range(len(k))
            ]
            rows.append(sum(share * v[d] for d, share in enumerate(softmax(scores))))
        found.append(torch.stack(rows))
    return linear("out", torch.cat(found), weights)


def gmlp(x: Tensor, weights: Weights, size: Size) -> Tensor:
    u, v = gelu(linear("maps", x, weights)).chunk(2)
    columns = []
    for n in range(x.shape[1]):
        centred = v[:, n] - v[:, n].sum() / len(v)
        normed = centred / torch.sqrt((centred**2).sum() / len(v) + 1e-5)
        columns.append(normed * weights["norm.weight"] + weights["norm.bias"])
    mixed = [
        sum(weights["spatial.weight"][n, m] * columns[m] for m in range(len(columns)))
        + weights["spatial.bias"][n]
        for n in range(len(columns))
    ]
    return linear("out", u * torch.stack(mixed, 1), weights)


def normed(column: Tensor, scale: Tensor) -> Tensor:
    """Divide by the root mean square."""
    return column / torch.sqrt((column**2).mean() + torch.finfo(column.dtype).eps) * scale


def retention(x: Tensor, weights: Weights, size: Size, heads: int = 2, causal: bool = False) -> Tensor:
    found = []
    for head, (q, k, v) in enumerate(zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True)):
        gamma, columns = 1 - 2.0 ** (-5 - head), []
        backwards = not causal and head < heads // 2
        for n in range(x.shape[1]):
            some = range(n, x.shape[1]) if backwards else range(n + 1)
            total = sum(gamma ** abs(n - m) * (q[:, n] @ k[:, m]) / math.sqrt(len(q)) * v[:, m] for m in some)
            columns.append(normed(total, weights["scale"]))
        found.append(torch.stack(columns, 1))
    return linear("out", torch.cat(found), weights)


def ssd(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, state: int = 3, causal: bool = False
) -> Tensor:
    """The recurrence of the paper, position by position."""
    channels, positions = x.shape
    maps = linear("maps", x, weights)
    gate, inner, b, c, step = maps.split([channels, channels, state, state, heads])
    found = []
    for head, values in enumerate(inner.chunk(heads)):
        backwards = not causal and head < heads // 2
        kept: Tensor = torch.zeros(state, len(values), dtype=x.dtype)
        columns: dict[int, Tensor] = {}
        for n in reversed(range(positions)) if backwards else range(positions):
            size_of = torch.log(1 + torch.exp(step[head, n] + weights["steps"][head]))
            fades = torch.exp(-torch.exp(weights["rates"][head]) * size_of)
            kept = fades * kept + size_of * b[:, n, None] * values[:, n]
            columns[n] = c[:, n] @ kept + weights["skip"][head] * values[:, n]
        found.append(torch.stack([columns[n] for n in range(positions)], 1))
    y = torch.cat(found) * silu(gate)
    return linear(
        "out", torch.stack([normed(y[:, n], weights["scale"]) for n in range(positions)], 1), weights
    )


def s4d(x: Tensor, weights: Weights, size: Size, causal: bool = False) -> Tensor:
    """The recurrence of the discretised state space, position by position, never its kernel."""
    rows = []
    for channel in range(len(x)):
        backwards = not causal and channel < len(x) // 2
        poles = torch.complex(-torch.exp(weights["damping"][channel]), weights["turning"][channel])
        step = torch.exp(weights["step"][channel])
        read = torch.view_as_complex(weights["read"][channel].contiguous())
        fades, takes = torch.exp(step * poles), (torch.exp(step * poles) - 1) / poles
        kept: Tensor = torch.zeros_like(poles)
        row: dict[int, Tensor] = {}
        for n in reversed(range(x.shape[1])) if backwards else range(x.shape[1]):
            kept = fades * kept + takes * x[channel, n]
            row[n] = 2 * (read * kept).sum().real + weights["skip"][channel] * x[channel, n]
        rows.append(torch.stack([row[n] for n in range(x.shape[1])]))
    return linear("out", gelu(torch.stack(rows)), weights)


ZOO: dict[str, tuple[Callable[..., nn.Module], Formula]] = {
    "axial": (partial(Axial, heads=2), axial),
    "criss-cross": (CrissCross, criss_cross),
    "double-attention": (DoubleAttention, double_attention),
    "efficient-attention": (partial(EfficientAttention, heads=2), efficient_attention),
    "fastformer": (partial(Fastformer, heads=2), fastformer),
    "fnet": (FNet, fnet),
    "gather-excite": (GatherExcite, gather_excite),
    "gather-excite-blocks": (partial(GatherExcite, extent=2), partial(gather_excite, extent=2)),
    "global-filter": (GlobalFilter, global_filter),
    "glore": (GloRe, glore),
    "gmlp": (GMLP, gmlp),
    "large-kernel": (partial(LargeKernel, kernel=5), large_kernel),
    "linear-attention": (partial(LinearAttention, heads=2), linear_attention),
    "linear-attention-favor": (
        partial(LinearAttention, heads=2, features="favor", random=5),
        linear_attention,
    ),
    "linear-attention-causal": (
        partial(LinearAttention, heads=2, causal=True),
        partial(linear_attention, causal=True),
    ),
    "perceiver": (partial(Perceiver, heads=2, latents=3), perceiver),
    "retention": (partial(Retention, heads=2), retention),
    "retention-causal": (partial(Retention, heads=2, causal=True), partial(retention, causal=True)),
    "s4d": (partial(S4D, state=6), s4d),
    "s4d-causal": (partial(S4D, state=6, causal=True), partial(s4d, causal=True)),
    "squeeze-excite": (SqueezeExcite, squeeze_excite),
    "ssd": (partial(SSD, heads=2, state=3), ssd),
    "ssd-causal": (partial(SSD, heads=2, state=3, causal=True), partial(ssd, causal=True)),
    "window": (partial(Window, heads=2, window=3), window),
    "window-shifted": (partial(Window, heads=2, window=3, shifted=True), partial(window, before=2)),
    "xca": (partial(XCA, heads=2), xca),
}
"""Layers beyond the paper's, each with its formula."""
