"""Forgetting attention (Lin et al., "Forgetting Transformer: Softmax Attention with a Forget Gate", ICLR
2025, arXiv:2503.02130)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import check_pair_limit
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class ForgettingAttention(MultiHead, nn.Module):
    """Attention with a forget gate, head by head.

        y_t = O sum_(s <= t) softmax_s(q_t^T k_s / sqrt(d) + log(f_(s+1) ... f_t)) v_s

    Each position forgets what came before it by f, a sigmoid of a linear map: an attention score loses as
    much as the state of a gated recurrent layer. The further parts of the paper's form "Pro" are left out.
    Time and memory are quadratic in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        scan: the order of reading (see `scan_directions`); each direction has its share of the heads.
        causal: read in reading order only.

    Shape:
        (batch, channels, *size) to the same shape.

    Raises:
        UsageError: the map has more than 4,096 positions.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 8,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        check_pair_limit("forgetting-attention", size, heads, "comparisons of two positions")
        super().__init__()
        self.heads, self.directions = heads, scan_directions(scan, size, causal)
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.fgate = nn.Linear(channels, heads)
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        q, k, v = self.in_proj(rows).view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        dtype = torch.promote_types(q.dtype, torch.float32)
        g = functional.logsigmoid(self.fgate(rows).to(dtype)).mT  # (batch, heads, positions)
        y = apply_scan(attend_forgetting, (q, k, v, g), self.directions, x.shape[2:])
        z: Tensor = self.out_proj(y.transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def attend_forgetting(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    """Return what `reference` returns, all positions at once."""
    g_cum = g.cumsum(2)
    bias = g_cum[..., None] - g_cum[:, :, None]
    bias = bias + bias.new_full(bias.shape[2:], -torch.inf).triu(1)
    return functional.scaled_dot_product_attention(q, k, v, bias.to(q.dtype))


def reference(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    """Attention with a forget gate, position by position (Lin et al. 2025, equation 4).

    y_t = sum over s <= t of softmax_s(q_t k_s / sqrt(d) + g_(s+1) + ... + g_t) v_s.

    Args:
        q: queries.
        k: keys.
        v: values.
        g: log of the forget gate, zero or less.

    Returns:
        y at each position.

    Shape:
        - q, k: (batch, heads, positions, keys)
        - v, y: (batch, heads, positions, values)
        - g: (batch, heads, positions)
    """
    decay = g.new_zeros(*g.shape[:2], 0)  # of each position so far
    outputs = []
    for t in range(q.shape[2]):
        decay = torch.cat([decay + g[:, :, t, None], torch.zeros_like(g[:, :, :1])], 2)
        scores = torch.einsum("bhk,bhsk->bhs", q[:, :, t], k[:, :, : t + 1]) * q.shape[-1] ** -0.5
        outputs.append(torch.einsum("bhs,bhsv->bhv", (scores + decay).softmax(2), v[:, :, : t + 1]))
    return torch.stack(outputs, 2)
