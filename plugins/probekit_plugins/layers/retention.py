"""Retention (Sun et al., "Retentive Network: A Successor to Transformer for Large Language Models", 2023,
arXiv:2307.08621)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.gated_sum import chunked_gated_sum
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class Retention(Attention):
    """Attention without a softmax, that decays at a fixed rate, head by head.

        y_t = O norm(sum_(s <= t) gamma^(t - s) q_t^T k_s / sqrt(d) v_s)

    gamma = 1 - 2^(-5 - head) is fixed: how fast a position is forgotten does not depend on its content. The
    paper's rotation of q and k is the encoding `rotary`; its gate is left out. Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        scan: the order of reading (see `scan_directions`); each direction has its share of the heads.
        causal: read in reading order only.
        encoding: as in `Attention`.

    Shape:
        (batch, channels, *size) to the same shape.
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
        super().__init__(channels, heads=heads, project_out=True, size=size, encoding=encoding)
        self.size, self.directions = size, scan_directions(scan, size, causal)
        self.norm_weight = nn.Parameter(torch.ones(channels // heads))
        self.register_buffer("decay", torch.log1p(-(2.0 ** (-5 - torch.arange(heads)))), persistent=False)

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the sums, normalised in each head."""
        q, k, v = (part.to(torch.promote_types(part.dtype, torch.float32)) for part in parts)
        q = q * q.shape[-1] ** -0.5
        g = self.decay.to(q.dtype)[None, :, None].expand(q.shape[:3])
        y = apply_scan(chunked_gated_sum, (q, k, v, g), self.directions, self.size)
        return functional.rms_norm(y, y.shape[-1:], self.norm_weight.to(y.dtype)).to(parts[0].dtype)


def reference(q: Tensor, k: Tensor, v: Tensor, gamma: Tensor) -> Tensor:
    """Retention, position by position (Sun et al. 2023, equation 6).

    S_t = gamma S_(t-1) + k_t v_t^T, y_t = S_t^T q_t.

    Args:
        q: queries, scaled.
        k: keys.
        v: values.
        gamma: decay of each head, between 0 and 1.

    Returns:
        y at each position.

    Shape:
        - q, k: (batch, heads, positions, keys)
        - v, y: (batch, heads, positions, values)
        - gamma: (heads,)
    """
    state = q.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(q.shape[2]):
        state = torch.einsum("h,bhkv->bhkv", gamma, state)
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, :, t], v[:, :, t])
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, :, t], state))
    return torch.stack(outputs, 2)
