"""Formulas, as slow loops, of the layers in which positions attend to positions."""

from __future__ import annotations

import math

import torch
from direct import Size, Weights, sites, softmax
from torch import Tensor

from formulas.parts import dense, in_heads, linear


def non_local(x: Tensor, weights: Weights, size: Size) -> Tensor:
    q, k, v = linear("in_proj", x, weights).chunk(3)
    columns = []
    for n in range(x.shape[1]):
        given = softmax([q[:, n] @ k[:, m] for m in range(x.shape[1])])
        columns.append(sum(share * v[:, m] for m, share in enumerate(given)))
    return linear("out_proj", torch.stack(columns, 1), weights)


def criss_cross(x: Tensor, weights: Weights, size: Size) -> Tensor:
    places, inside = sites(size), max(1, len(x) // 8)

    def once(x: Tensor) -> Tensor:
        maps = linear("in_proj", x, weights)
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
        q, k, v = in_heads(linear(f"axes.{number}.in_proj", x, weights), 3, heads)
        read = torch.cat([dense(*parts, seen) for parts in zip(q, k, v, strict=True)])
        x = linear(f"axes.{number}.out_proj", read, weights)
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
    q, k, v = in_heads(linear("in_proj", x, weights), 3, heads)
    return linear(
        "out_proj", torch.cat([dense(*parts, seen) for parts in zip(q, k, v, strict=True)]), weights
    )


def linear_attention(x: Tensor, weights: Weights, size: Size, heads: int = 2, causal: bool = False) -> Tensor:
    directions = weights.get("projection_matrix")

    def phi(column: Tensor) -> Tensor:
        if directions is None:
            return torch.where(column > 0, column + 1, torch.exp(column))
        column = column / len(column) ** 0.25
        return torch.exp(directions @ column - column @ column / 2)

    found = []
    for q, k, v in zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True):
        columns = []
        for n in range(x.shape[1]):
            some = range(n + 1 if causal else x.shape[1])
            shares = [phi(q[:, n]) @ phi(k[:, m]) for m in some]
            columns.append(sum(share * v[:, m] for share, m in zip(shares, some, strict=True)) / sum(shares))
        found.append(torch.stack(columns, 1))
    return linear("out_proj", torch.cat(found), weights)


def long_short(x: Tensor, weights: Weights, size: Size, heads: int = 2, side: int = 3) -> Tensor:
    places = sites(size)

    def norm(name: str, column: Tensor) -> Tensor:
        centred = column - column.mean()
        scaled = centred / torch.sqrt((centred**2).mean() + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    found = []
    parts = zip(*in_heads(linear("in_proj", x, weights), 3, heads), strict=True)
    for (q, k, v), logits in zip(parts, linear("dynamic_proj", x, weights).chunk(heads), strict=True):
        far = [torch.stack(softmax(list(row))) for row in logits]
        keys = [norm("summary_norms.0", sum(share[m] * k[:, m] for m in range(len(share)))) for share in far]
        values = [
            norm("summary_norms.1", sum(share[m] * v[:, m] for m in range(len(share)))) for share in far
        ]
        columns = []
        for n, place in enumerate(places):
            near = [
                m
                for m, other in enumerate(places)
                if all(a // side == b // side for a, b in zip(place, other, strict=True))
            ]
            seen = [norm("window_norms.0", k[:, m]) for m in near] + keys
            told = [norm("window_norms.1", v[:, m]) for m in near] + values
            given = softmax([q[:, n] @ key / math.sqrt(len(q)) for key in seen])
            columns.append(sum(share * value for share, value in zip(given, told, strict=True)))
        found.append(torch.stack(columns, 1))
    return linear("out_proj", torch.cat(found), weights)
