"""Gated linear attention (Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient
Training", ICML 2024, arXiv:2312.06635)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions

CHUNK = 16
GATE_RANK = 16
GATE_NORMALIZER = 16
"""The gates are this root of a sigmoid, so that little is forgotten at first."""


class GatedLinearAttention(Attention):
    """Attention without a softmax, whose state decays channel by channel, head by head.

        S_t = diag(a_t) S_(t-1) + k_t v_t^T, y_t = O norm(S_t^T q_t / sqrt(d))

    a, between 0 and 1 for each channel of k, is a sigmoid of a map of rank 16, to the power of 1/16. The
    paper's output gate is left out, as in `retention`. Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        scan: the order of reading (see `scan_directions`); each direction has its share of the heads.
        causal: read in reading order only.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 4,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__(channels, heads=heads, project_out=True)
        self.size, self.directions = size, scan_directions(scan, size, causal)
        self.gk_proj = nn.Sequential(
            nn.Linear(channels, GATE_RANK, bias=False), nn.Linear(GATE_RANK, channels)
        )
        self.norm_weight = nn.Parameter(torch.ones(channels // heads))

    def project_inputs(self, x: Tensor) -> Tensor:
        """Return q, k, v and the gates' logits of each position, (batch, positions, 4 * channels)."""
        return torch.cat([super().project_inputs(x), self.gk_proj(x.flatten(2).mT)], 2)

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return y, normalised in each head, from q, k, v and the gates' logits."""
        dtype = torch.promote_types(parts[0].dtype, torch.float32)
        q, k, v, logits = (part.to(dtype) for part in parts)
        with torch.autocast(q.device.type, enabled=False):
            g = functional.logsigmoid(logits) / GATE_NORMALIZER
            y = apply_scan(chunked_gla, (q * q.shape[-1] ** -0.5, k, v, g), self.directions, self.size)
            y = functional.rms_norm(y, y.shape[-1:], self.norm_weight.to(dtype))
        z: Tensor = y.to(parts[0].dtype)
        return z


def chunked_gla(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    """Return what `reference` returns, in chunks."""
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    chunks = (torch.split(part, CHUNK, 2) for part in (q, k, v, g))
    for q_chunk, k_chunk, v_chunk, g_chunk in zip(*chunks, strict=True):
        g_cum = g_chunk.cumsum(2)
        # of each pair and channel; no product of two of them is larger than one, as a quotient might be
        decay_mask = (g_cum[:, :, :, None] - g_cum[:, :, None]).clamp_(max=0).exp_()
        scores = torch.einsum("bhic,bhjc,bhijc->bhij", q_chunk, k_chunk, decay_mask).tril()
        outputs.append(q_chunk * g_cum.exp() @ state + scores @ v_chunk)
        g_last = g_cum[:, :, -1:]
        state = state * g_last.exp().mT + (k_chunk * (g_last - g_cum).exp()).mT @ v_chunk
    return torch.cat(outputs, 2)


def reference(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    """Gated linear attention, position by position (Yang et al. 2024, equation 3).

    S_t = diag(exp(g_t)) S_(t-1) + k_t v_t^T, y_t = S_t^T q_t.

    Args:
        q: queries, scaled.
        k: keys.
        v: values.
        g: log decay of each channel of k, zero or less.

    Returns:
        y at each position.

    Shape:
        - q, k, g: (batch, heads, positions, keys)
        - v, y: (batch, heads, positions, values)
    """
    state = q.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(q.shape[2]):
        state = torch.einsum("bhk,bhkv->bhkv", g[:, :, t].exp(), state)
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, :, t], v[:, :, t])
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, :, t], state))
    return torch.stack(outputs, 2)
