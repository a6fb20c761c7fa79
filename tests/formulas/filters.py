"""Formulas, as slow loops, of the layers whose weights between positions no input changes."""

from __future__ import annotations

import math

import torch
from direct import Size, Weights, sites
from torch import Tensor

from formulas.parts import gelu, linear


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
    return linear("out_proj", torch.stack(columns, 1), weights)


def global_filter(x: Tensor, weights: Weights, size: Size) -> Tensor:
    """A circular convolution with the kernel whose transform the filter is, worked out in positions."""
    half = torch.view_as_complex(weights["complex_weight"])
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


def gmlp(x: Tensor, weights: Weights, size: Size) -> Tensor:
    u, v = gelu(linear("in_proj", x, weights)).chunk(2)
    columns = []
    for n in range(x.shape[1]):
        centred = v[:, n] - v[:, n].sum() / len(v)
        normed = centred / torch.sqrt((centred**2).sum() / len(v) + 1e-5)
        columns.append(normed * weights["norm.weight"] + weights["norm.bias"])
    mixed = [
        sum(weights["spatial_proj.weight"][n, m] * columns[m] for m in range(len(columns)))
        + weights["spatial_proj.bias"][n]
        for n in range(len(columns))
    ]
    return linear("out_proj", u * torch.stack(mixed, 1), weights)
