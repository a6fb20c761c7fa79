"""What several formulas of layers share: linear maps, gates and attention as loops over positions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from direct import Weights, per_position, softmax
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


def dense(q: Tensor, k: Tensor, v: Tensor, seen: Sequence[Sequence[int]] | None = None) -> Tensor:
    """Return attention of (d, positions) to those seen by each, all by default."""
    columns = []
    for n in range(q.shape[1]):
        some = range(k.shape[1]) if seen is None else seen[n]
        shares = softmax([q[:, n] @ k[:, m] / math.sqrt(len(q)) for m in some])
        columns.append(sum(share * v[:, m] for share, m in zip(shares, some, strict=True)))
    return torch.stack(columns, 1)


def normed(column: Tensor, scale: Tensor) -> Tensor:
    """Divide by the root mean square."""
    return column / torch.sqrt((column**2).mean() + torch.finfo(column.dtype).eps) * scale
