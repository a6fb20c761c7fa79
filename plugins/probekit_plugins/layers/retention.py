"""Retention (Sun et al., "Retentive Network: A Successor to Transformer for Large Language Models", 2023)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.decayed import decayed
from probekit_plugins.layers.scan import Scan, scanned, ways


class Retention(Attention):
    """y_t = O norm(sum over s <= t of gamma^(t - s) (q_t k_s) v_s), head by head, linear in positions.

    (batch, channels, *size) to the same shape. gamma = 1 - 2^(-5 - head) is fixed: when a position is
    forgotten does not hang on what it holds. The paper's rotation of q and k is the encoding `rotary`; its
    gate is left out. heads: must divide channels. scan: see `scan.ways`; each way has its share of the heads.
    causal: in reading order alone. encoding: as `Attention` has it.
    """

    hooks: frozenset[str] = frozenset({"mix", "turn"})
    decay: Tensor

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 8,
        scan: Scan = "both",
        causal: bool = False,
        encoding: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(channels, heads=heads, out=True, size=size, encoding=encoding)
        self.size, self.ways = size, ways(scan, size, causal)
        self.scale = nn.Parameter(torch.ones(channels // heads))
        self.register_buffer("decay", torch.log1p(-(2.0 ** (-5 - torch.arange(heads)))), persistent=False)

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the sums, normalised in each head."""
        q, k, v = (part.to(torch.promote_types(part.dtype, torch.float32)) for part in parts)
        q = q * q.shape[-1] ** -0.5
        decay = self.decay.to(q.dtype)[None, :, None].expand(q.shape[:3])
        y = scanned(decayed, (q, k, v, decay), self.ways, self.size)
        return functional.rms_norm(y, y.shape[-1:], self.scale.to(y.dtype)).to(parts[0].dtype)
