"""What several formulas of layers share: linear maps, gates, attention within heads."""

from __future__ import annotations

import math

import torch
from direct import Weights, per_position, weighed
from torch import Tensor


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


def dense(q: Tensor, k: Tensor, v: Tensor, seen: list[list[int]] | None = None) -> Tensor:
    """Return attention of (d, positions) to those seen by each, all by default."""
    return weighed(q.T, k.T, v.T, seen).T


def normed(column: Tensor, scale: Tensor) -> Tensor:
    """Divide by the root mean square."""
    return column / torch.sqrt((column**2).mean() + torch.finfo(column.dtype).eps) * scale
