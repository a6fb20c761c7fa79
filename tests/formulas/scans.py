"""Formulas, as slow loops, of the layers that read a map in some order."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from direct import Size, Weights, sites
from torch import Tensor

from formulas.parts import gelu, in_heads, linear, normed, sigmoid, silu


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
    parts = zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)
    for head, (order, (q, k, v)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        gamma, columns = 1 - 2.0 ** (-5 - head), {}
        for step, n in enumerate(order):
            some = enumerate(order[: step + 1])
            total = sum(gamma ** (step - at) * (q[:, n] @ k[:, m]) * v[:, m] for at, m in some)
            columns[n] = normed(total / math.sqrt(len(q)), weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def gla(x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both") -> Tensor:
    """The recurrence, position by position."""
    found = []
    parts = zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)
    logits = linear("gk_proj.1", linear("gk_proj.0", x, weights), weights).chunk(heads)
    for order, (q, k, v), gate in zip(orders(heads, size, scan), parts, logits, strict=True):
        kept, columns = torch.zeros(len(k), len(v), dtype=x.dtype), {}
        for n in order:
            kept = sigmoid(gate[:, n, None]) ** (1 / 16) * kept + k[:, n, None] * v[:, n]
            columns[n] = normed(q[:, n] @ kept / math.sqrt(len(q)), weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def faded(x: Tensor, weights: Weights, name: str, head: int) -> Tensor:
    """What is left of a state at each position."""
    step = torch.log(
        1 + torch.exp(weights[f"{name}.a_proj.weight"][head] @ x + weights[f"{name}.dt_bias"][head])
    )
    return torch.exp(-torch.exp(weights[f"{name}.A_log"][head]) * step)


def deltanet(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, scan: str = "both", gated: bool = False
) -> Tensor:
    """The delta rule, position by position."""
    found = []
    parts = zip(*in_heads(silu(linear("in_proj", x, weights)), 3, heads), strict=True)
    for head, (order, (q, k, v)) in enumerate(zip(orders(heads, size, scan), parts, strict=True)):
        rates = sigmoid(linear("beta_proj", x, weights)[head])
        left = faded(x, weights, "decay_gate", head) if gated else torch.ones_like(rates)
        kept, columns = torch.zeros(len(k), len(v), dtype=x.dtype), {}
        for n in order:
            key, query = k[:, n] / k[:, n].norm(), q[:, n] / q[:, n].norm()
            kept = left[n] * kept
            kept = kept + rates[n] * key[:, None] * (v[:, n] - key @ kept)
            columns[n] = normed(query @ kept, weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)


def ssd(
    x: Tensor, weights: Weights, size: Size, heads: int = 2, state: int = 3, scan: str = "both"
) -> Tensor:
    """The recurrence of the paper, position by position."""
    channels = len(x)
    maps = linear("in_proj", x, weights)
    gate, inner, b, c, step = maps.split([channels, channels, state, state, heads])
    inner, b, c = silu(inner), silu(b), silu(c)
    found = []
    for head, (order, values) in enumerate(zip(orders(heads, size, scan), inner.chunk(heads), strict=True)):
        kept, columns = torch.zeros(state, len(values), dtype=x.dtype), {}
        for n in order:
            size_of = torch.log(1 + torch.exp(step[head, n] + weights["dt_bias"][head]))
            fades = torch.exp(-torch.exp(weights["A_log"][head]) * size_of)
            kept = fades * kept + size_of * b[:, n, None] * values[:, n]
            columns[n] = c[:, n] @ kept + weights["D"][head] * values[:, n]
        found.append(in_order(columns))
    y = torch.cat(found) * silu(gate)
    return linear(
        "out_proj",
        torch.stack([normed(y[:, n], weights["norm_weight"]) for n in range(x.shape[1])], 1),
        weights,
    )


def mamba(x: Tensor, weights: Weights, size: Size, state: int = 3, scan: str = "both") -> Tensor:
    """The recurrence of the paper, channel by channel and position by position."""
    wide, gate = linear("in_proj", x, weights).chunk(2)
    inner = silu(wide)
    narrow, b, c = linear("x_proj", inner, weights).split([max(1, len(x) // 16), state, state])
    steps = torch.log(1 + torch.exp(linear("dt_proj", narrow, weights) + weights["dt_bias"][:, None]))
    rows = []
    for channel, order in enumerate(orders(len(x), size, scan)):
        kept, row = torch.zeros(state, dtype=x.dtype), {}
        for n in order:
            step = steps[channel, n]
            kept = torch.exp(-torch.exp(weights["A_log"][channel]) * step) * kept
            kept = kept + step * b[:, n] * inner[channel, n]
            row[n] = c[:, n] @ kept + weights["D"][channel] * inner[channel, n]
        rows.append(torch.stack([row[n] for n in range(x.shape[1])]))
    return linear("out_proj", torch.stack(rows) * silu(gate), weights)


def s4d(x: Tensor, weights: Weights, size: Size, scan: str = "both") -> Tensor:
    """The recurrence of the discretised state space, position by position, never its kernel."""
    rows = []
    for channel, order in enumerate(orders(len(x), size, scan)):
        poles = torch.complex(-torch.exp(weights["log_A_real"][channel]), weights["A_imag"][channel])
        step = torch.exp(weights["log_dt"][channel])
        read = torch.view_as_complex(weights["C"][channel].contiguous())
        fades, takes = torch.exp(step * poles), (torch.exp(step * poles) - 1) / poles
        kept: Tensor = torch.zeros_like(poles)
        row: dict[int, Tensor] = {}
        for n in order:
            kept = fades * kept + takes * x[channel, n]
            row[n] = 2 * (read * kept).sum().real + weights["D"][channel] * x[channel, n]
        rows.append(torch.stack([row[n] for n in range(x.shape[1])]))
    return linear("out_proj", gelu(torch.stack(rows)), weights)


def hyena(x: Tensor, weights: Weights, size: Size, scan: str = "both") -> Tensor:
    """The long convolution in positions, its kernel worked out place by place."""
    q, k, v = linear("in_proj", x, weights).chunk(3)
    count, kernel = x.shape[1], []
    for n in range(count):
        place = n / count
        turns = [2 * math.pi * band * place for band in range(1, 9)]
        features = [place, *map(math.cos, turns), *map(math.sin, turns)]
        hidden = torch.sin(weights["filter_in.weight"] @ torch.tensor(features) + weights["filter_in.bias"])
        hidden = torch.sin(weights["filter_hidden.weight"] @ hidden + weights["filter_hidden.bias"])
        ends = [0.3 + 1.2 * c / max(1, len(x) - 1) for c in range(len(x))]
        fades = torch.tensor([math.exp(math.log(1e-2) / end * place) for end in ends])
        kernel.append(weights["filter_out.weight"] @ hidden * fades / math.sqrt(count))
    rows = []
    for channel, order in enumerate(orders(len(x), size, scan)):
        given, row = (k * v)[channel], {}
        for step, n in enumerate(order):
            row[n] = sum(kernel[step - at][channel] * given[m] for at, m in enumerate(order[: step + 1]))
            row[n] = row[n] + weights["D"][channel] * given[n]
        rows.append(torch.stack([row[n] for n in range(count)]))
    return linear("out_proj", q * torch.stack(rows), weights)


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
