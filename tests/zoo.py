"""The layers beyond the paper's own, each with its formula as a slow loop that shares no code with it.

A formula takes a map (channels, positions), its positions in the order of `sites(size)`, the layer's
parameters by name, and the size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from direct import Size, Weights, per_position, sites, softmax
from torch import Tensor, nn

from probekit_plugins.layers.axial import Axial
from probekit_plugins.layers.criss_cross import CrissCross
from probekit_plugins.layers.deltanet import DeltaNet
from probekit_plugins.layers.double_attention import DoubleAttention
from probekit_plugins.layers.efficient_attention import EfficientAttention
from probekit_plugins.layers.fastformer import Fastformer
from probekit_plugins.layers.fnet import FNet
from probekit_plugins.layers.gather_excite import GatherExcite
from probekit_plugins.layers.gla import GatedLinearAttention
from probekit_plugins.layers.global_filter import GlobalFilter
from probekit_plugins.layers.glore import GloRe
from probekit_plugins.layers.gmlp import GMLP
from probekit_plugins.layers.gru import GRU
from probekit_plugins.layers.hyena import Hyena
from probekit_plugins.layers.large_kernel import LargeKernel
from probekit_plugins.layers.linear_attention import LinearAttention
from probekit_plugins.layers.long_short import LongShort
from probekit_plugins.layers.mamba import Mamba
from probekit_plugins.layers.non_local import NonLocal
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


def orders(count: int, size: Size, scan: str) -> list[list[int]]:
    """Return for each of so many heads, or channels, the positions in the order that it reads them in."""
    places = sites(size)
    rows = list(range(len(places)))
    columns = sorted(rows, key=lambda n: places[n][::-1])
    ways = {"raster": [rows], "both": [rows[::-1], rows]}
    ways["cross"] = [rows[::-1], columns[::-1], columns, rows] if len(size) == 2 else ways["both"]
    several = ways[scan]
    return [
        several[max(w for w in range(len(several)) if head >= count * w // len(several))]
        for head in range(count)
    ]


def in_order(columns: Mapping[int, Tensor]) -> Tensor:
    """Return columns by position as a map."""
    return torch.stack([columns[n] for n in range(len(columns))], 1)


def retention(x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both") -> Tensor:
    found = []
    parts = zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True)
    for head, (order, (q, k, v)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        gamma, columns = 1 - 2.0 ** (-5 - head), {}
        for step, n in enumerate(order):
            some = enumerate(order[: step + 1])
            total = sum(gamma ** (step - at) * (q[:, n] @ k[:, m]) * v[:, m] for at, m in some)
            columns[n] = normed(total / math.sqrt(len(q)), weights["scale"])
        found.append(in_order(columns))
    return linear("out", torch.cat(found), weights)


def gla(x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both") -> Tensor:
    """The recurrence, position by position."""
    found = []
    parts = zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True)
    logits = linear("gate.1", linear("gate.0", x, weights), weights).chunk(heads)
    for order, (q, k, v), gate in zip(orders(heads, size, scan), parts, logits, strict=True):
        kept, columns = torch.zeros(len(k), len(v), dtype=x.dtype), {}
        for n in order:
            kept = sigmoid(gate[:, n, None]) ** (1 / 16) * kept + k[:, n, None] * v[:, n]
            columns[n] = normed(q[:, n] @ kept / math.sqrt(len(q)), weights["scale"])
        found.append(in_order(columns))
    return linear("out", torch.cat(found), weights)


def faded(x: Tensor, weights: Weights, name: str, head: int) -> Tensor:
    """What is left of a state at each position."""
    step = torch.log(1 + torch.exp(weights[f"{name}.map.weight"][head] @ x + weights[f"{name}.steps"][head]))
    return torch.exp(-torch.exp(weights[f"{name}.rates"][head]) * step)


def deltanet(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both", gated: bool = False
) -> Tensor:
    """The delta rule, position by position."""
    found = []
    parts = zip(*in_heads(silu(linear("maps", x, weights)), 3, heads), strict=True)
    for head, (order, (q, k, v)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        rates = sigmoid(linear("rate", x, weights)[head])
        left = faded(x, weights, "fading", head) if gated else torch.ones_like(rates)
        kept, columns = torch.zeros(len(k), len(v), dtype=x.dtype), {}
        for n in order:
            key, query = k[:, n] / k[:, n].norm(), q[:, n] / q[:, n].norm()
            kept = left[n] * kept
            kept = kept + rates[n] * key[:, None] * (v[:, n] - key @ kept)
            columns[n] = normed(query @ kept, weights["scale"])
        found.append(in_order(columns))
    return linear("out", torch.cat(found), weights)


def ssd(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, state: int = 3, scan: str = "both"
) -> Tensor:
    """The recurrence of the paper, position by position."""
    channels = len(x)
    maps = linear("maps", x, weights)
    gate, inner, b, c, step = maps.split([channels, channels, state, state, heads])
    inner, b, c = silu(inner), silu(b), silu(c)
    found = []
    for head, (order, values) in enumerate(zip(orders(heads, size, scan), inner.chunk(heads), strict=True)):
        kept, columns = torch.zeros(state, len(values), dtype=x.dtype), {}
        for n in order:
            size_of = torch.log(1 + torch.exp(step[head, n] + weights["steps"][head]))
            fades = torch.exp(-torch.exp(weights["rates"][head]) * size_of)
            kept = fades * kept + size_of * b[:, n, None] * values[:, n]
            columns[n] = c[:, n] @ kept + weights["skip"][head] * values[:, n]
        found.append(in_order(columns))
    y = torch.cat(found) * silu(gate)
    return linear(
        "out", torch.stack([normed(y[:, n], weights["scale"]) for n in range(x.shape[1])], 1), weights
    )


def mamba(x: Tensor, weights: Weights, size: Size, state: int = 3, scan: str = "both") -> Tensor:
    """The recurrence of the paper, channel by channel and position by position."""
    wide, gate = linear("maps", x, weights).chunk(2)
    inner = silu(wide)
    narrow, b, c = linear("reads", inner, weights).split([max(1, len(x) // 16), state, state])
    steps = torch.log(1 + torch.exp(linear("widen", narrow, weights) + weights["steps"][:, None]))
    rows = []
    for channel, order in enumerate(orders(len(x), size, scan)):
        kept, row = torch.zeros(state, dtype=x.dtype), {}
        for n in order:
            step = steps[channel, n]
            kept = torch.exp(-torch.exp(weights["rates"][channel]) * step) * kept
            kept = kept + step * b[:, n] * inner[channel, n]
            row[n] = c[:, n] @ kept + weights["skip"][channel] * inner[channel, n]
        rows.append(torch.stack([row[n] for n in range(x.shape[1])]))
    return linear("out", torch.stack(rows) * silu(gate), weights)


def s4d(x: Tensor, weights: Weights, size: Size, scan: str = "both") -> Tensor:
    """The recurrence of the discretised state space, position by position, never its kernel."""
    rows = []
    for channel, order in enumerate(orders(len(x), size, scan)):
        poles = torch.complex(-torch.exp(weights["damping"][channel]), weights["turning"][channel])
        step = torch.exp(weights["step"][channel])
        read = torch.view_as_complex(weights["read"][channel].contiguous())
        fades, takes = torch.exp(step * poles), (torch.exp(step * poles) - 1) / poles
        kept: Tensor = torch.zeros_like(poles)
        row: dict[int, Tensor] = {}
        for n in order:
            kept = fades * kept + takes * x[channel, n]
            row[n] = 2 * (read * kept).sum().real + weights["skip"][channel] * x[channel, n]
        rows.append(torch.stack([row[n] for n in range(x.shape[1])]))
    return linear("out", gelu(torch.stack(rows)), weights)


def hyena(x: Tensor, weights: Weights, size: Size, scan: str = "both") -> Tensor:
    """The long convolution in positions, its kernel worked out place by place."""
    q, k, v = linear("maps", x, weights).chunk(3)
    count, kernel = x.shape[1], []
    for n in range(count):
        place = n / count
        turns = [2 * math.pi * band * place for band in range(1, 9)]
        features = [place, *map(math.cos, turns), *map(math.sin, turns)]
        hidden = torch.sin(weights["first.weight"] @ torch.tensor(features) + weights["first.bias"])
        hidden = torch.sin(weights["second.weight"] @ hidden + weights["second.bias"])
        ends = [0.3 + 1.2 * c / max(1, len(x) - 1) for c in range(len(x))]
        fades = torch.tensor([math.exp(math.log(1e-2) / end * place) for end in ends])
        kernel.append(weights["last.weight"] @ hidden * fades / math.sqrt(count))
    rows = []
    for channel, order in enumerate(orders(len(x), size, scan)):
        given, row = (k * v)[channel], {}
        for step, n in enumerate(order):
            row[n] = sum(kernel[step - at][channel] * given[m] for at, m in enumerate(order[: step + 1]))
            row[n] = row[n] + weights["skip"][channel] * given[n]
        rows.append(torch.stack([row[n] for n in range(count)]))
    return linear("out", q * torch.stack(rows), weights)


def gru(x: Tensor, weights: Weights, size: Size, scan: str = "both") -> Tensor:
    """The gates of torch's form: the new state's bias of the old one stands within the reset."""
    several = orders(len(x), size, scan)
    ways = [order for at, order in enumerate(several) if order not in several[:at]]
    found = []
    for unit, order in enumerate(ways):
        w, u, b, c = (
            weights[f"units.{unit}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h, columns = torch.zeros(len(b) // 3, dtype=x.dtype), {}
        for n in order:
            resets, updates, news = (w @ x[:, n] + b).chunk(3)
            old_resets, old_updates, olds = (u @ h + c).chunk(3)
            update = sigmoid(updates + old_updates)
            h = (1 - update) * torch.tanh(news + sigmoid(resets + old_resets) * olds) + update * h
            columns[n] = h
        found.append(in_order(columns))
    return torch.cat(found)


def non_local(x: Tensor, weights: Weights, size: Size) -> Tensor:
    q, k, v = linear("maps", x, weights).chunk(3)
    columns = []
    for n in range(x.shape[1]):
        given = softmax([q[:, n] @ k[:, m] for m in range(x.shape[1])])
        columns.append(sum(share * v[:, m] for m, share in enumerate(given)))
    return linear("out", torch.stack(columns, 1), weights)


def long_short(x: Tensor, weights: Weights, size: Size, heads: int = 2, side: int = 3) -> Tensor:
    places = sites(size)

    def norm(name: str, column: Tensor) -> Tensor:
        centred = column - column.mean()
        scaled = centred / torch.sqrt((centred**2).mean() + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    found = []
    parts = zip(*in_heads(linear("maps", x, weights), 3, heads), strict=True)
    for (q, k, v), logits in zip(parts, linear("weigh", x, weights).chunk(heads), strict=True):
        far = [torch.stack(softmax(list(row))) for row in logits]
        keys = [norm("far.0", sum(share[m] * k[:, m] for m in range(len(share)))) for share in far]
        values = [norm("far.1", sum(share[m] * v[:, m] for m in range(len(share)))) for share in far]
        columns = []
        for n, place in enumerate(places):
            near = [
                m
                for m, other in enumerate(places)
                if all(a // side == b // side for a, b in zip(place, other, strict=True))
            ]
            seen = [norm("near.0", k[:, m]) for m in near] + keys
            told = [norm("near.1", v[:, m]) for m in near] + values
            given = softmax([q[:, n] @ key / math.sqrt(len(q)) for key in seen])
            columns.append(sum(share * value for share, value in zip(given, told, strict=True)))
        found.append(torch.stack(columns, 1))
    return linear("out", torch.cat(found), weights)


SCANS: dict[str, tuple[Callable[..., nn.Module], Formula]] = {
    "deltanet": (partial(DeltaNet, heads=2), deltanet),
    "deltanet-gated": (partial(DeltaNet, heads=2, gated=True), partial(deltanet, gated=True)),
    "gla": (partial(GatedLinearAttention, heads=2), gla),
    "gru": (GRU, gru),
    "hyena": (Hyena, hyena),
    "mamba": (partial(Mamba, state=3), mamba),
    "retention": (partial(Retention, heads=2), retention),
    "s4d": (partial(S4D, state=6), s4d),
    "ssd": (partial(SSD, heads=2, state=3), ssd),
}
"""Layers that read a map in some order, each with its formula."""

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
    "long-short": (partial(LongShort, heads=1, window=3, rank=2), partial(long_short, heads=1)),
    "non-local": (NonLocal, non_local),
    "perceiver": (partial(Perceiver, heads=2, latents=3), perceiver),
    "squeeze-excite": (SqueezeExcite, squeeze_excite),
    "window": (partial(Window, heads=2, window=3), window),
    "window-shifted": (partial(Window, heads=2, window=3, shifted=True), partial(window, before=2)),
    "xca": (partial(XCA, heads=2), xca),
    **SCANS,
}
"""Layers beyond the paper's, each with its formula."""
