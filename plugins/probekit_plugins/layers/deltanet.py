"""DeltaNet (Schlag et al., "Linear Transformers Are Secretly Fast Weight Programmers", 2021), in chunks as by
Yang et al., "Parallelizing Linear Transformers with the Delta Rule over Sequence Length", 2024."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

CHUNK = 64


class DeltaNet(nn.Module):
    """S <- S + beta k (v - S^T k)^T, y = S^T q, position by position: (batch, channels, *size) to the same.

    q, k and v are SiLU of linear maps, q and k of length one, cut into heads; beta is a sigmoid of a linear
    map. Positions are taken in reading order, in chunks, so that time and memory are linear in them. heads:
    must divide channels, and be even where half of them go backwards (not causal). negative: beta up to 2, so
    that a state may be turned over, which tracking states takes (Grazzi et al., "Unlocking State-Tracking in
    Linear RNNs Through Negative Eigenvalues", 2025). causal: all heads go forwards.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 4,
        negative: bool = False,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.most, self.causal = heads, 2.0 if negative else 1.0, causal
        self.maps = nn.Linear(channels, 3 * channels)
        self.rate = nn.Linear(channels, heads)
        self.scale = nn.Parameter(torch.ones(channels // heads))
        self.out = nn.Linear(channels, channels)

    @staticmethod
    def width_step(*, heads: int = 4, **_: Any) -> int:
        """Return what the width must be a multiple of: the number of heads."""
        return heads

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        made = functional.silu(self.maps(rows))
        parts = made.view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        beta = self.most * self.rate(rows).mT.sigmoid()  # (batch, heads, positions)
        back = 0 if self.causal else self.heads // 2
        ahead = slice(back, None)
        with torch.autocast(x.device.type, enabled=False):
            y = scan(parts[:, :, ahead], beta[:, ahead])
            if back:
                turned = scan(parts[:, :, :back].flip(3), beta[:, :back].flip(2)).flip(2)
                y = torch.cat([turned, y], 1)
            y = functional.rms_norm(y, y.shape[-1:], self.scale.to(y.dtype))
        z: Tensor = self.out(y.to(parts.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def scan(parts: Tensor, beta: Tensor) -> Tensor:
    """Return S^T q at each position, (batch, heads, positions, d); parts: q, k and v, (3, batch, heads,
    positions, d), beta: (batch, heads, positions)."""
    exact = torch.promote_types(parts.dtype, torch.float32)  # no triangular system is solved in less
    q, k, v = parts.to(exact)
    beta = beta.to(exact)
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    found = []
    for start in range(0, q.shape[2], CHUNK):
        some = slice(start, start + CHUNK)
        asked, keys, values, rates = q[:, :, some], k[:, :, some], v[:, :, some], beta[:, :, some, None]
        # what each position writes depends on what those before it in the chunk wrote: one triangular solve
        mixed = (rates * keys) @ keys.mT
        unit = torch.eye(mixed.shape[-1], dtype=q.dtype, device=q.device)
        right = torch.cat([rates * values, rates * keys], -1)
        solved = torch.linalg.solve_triangular(mixed.tril(-1) + unit, right, upper=False, unitriangular=True)
        written = solved[..., : v.shape[-1]] - solved[..., v.shape[-1] :] @ state
        found.append(asked @ state + (asked @ keys.mT).tril() @ written)
        state = state + keys.mT @ written
    return torch.cat(found, 2)
