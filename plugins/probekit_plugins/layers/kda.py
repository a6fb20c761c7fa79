"""Kimi Delta Attention (Kimi Team, "Kimi Linear: An Expressive, Efficient Attention Architecture", 2025,
arXiv:2510.26692)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.diagonal_low_rank import chunked_corrected_sum
from probekit_plugins.layers.gated_sum import softplus_inverse
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class KimiDeltaAttention(MultiHead, nn.Module):
    """The delta rule with a decay of each channel, head by head.

        S'_t = diag(a_t) S_(t-1), S_t = S'_t + beta_t k_t (v_t - S'_t^T k_t)^T, y_t = S_t^T q_t

    It is the delta rule of `deltanet(gated=true)` with a decay a of its own for each channel of k: log a =
    -exp(A_log) softplus(d + dt_bias), with d a map whose rank is the channels of a head. q, k and v are SiLU
    of linear maps, q and k of length one; beta is a sigmoid of a linear map. y is normalised in each head,
    then mapped. The paper's short convolutions belong to the structure (`plain(conv=4)`); its output gate is
    left out. Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        negative: beta goes up to 2, so that the state may have negative eigenvalues, as in `deltanet`.
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
        negative: bool = False,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.max_beta = heads, 2.0 if negative else 1.0
        self.directions = scan_directions(scan, size, causal)
        rank = channels // heads
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.beta_proj = nn.Linear(channels, heads)
        self.f_proj = nn.Sequential(
            nn.Linear(channels, rank, bias=False), nn.Linear(rank, channels, bias=False)
        )
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.dt_bias = nn.Parameter(softplus_inverse(torch.empty(channels).uniform_(-6.9, -2.3).exp()))
        self.norm_weight = nn.Parameter(torch.ones(rank))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        shape = (*rows.shape[:2], -1, self.heads, x.shape[1] // self.heads)
        q, k, v = functional.silu(self.in_proj(rows)).view(shape).permute(2, 0, 3, 1, 4)
        (d,) = self.f_proj(rows).view(shape).permute(2, 0, 3, 1, 4)
        beta = self.max_beta * self.beta_proj(rows).mT.sigmoid()  # (batch, heads, positions)
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(q.dtype, torch.float32)
            q, k, v, d, beta = (part.to(dtype) for part in (q, k, v, d, beta))
            dt = functional.softplus(d + self.dt_bias.to(dtype).view(self.heads, 1, -1))
            g = -self.A_log.to(dtype).exp()[:, None, None] * dt
            y = apply_scan(chunked_channel_delta_rule, (q, k, v, beta, g), self.directions, x.shape[2:])
            y = functional.rms_norm(y, y.shape[-1:], self.norm_weight.to(dtype))
        z: Tensor = self.out_proj(y.to(rows.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def chunked_channel_delta_rule(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, g: Tensor) -> Tensor:
    """Return what `reference` returns, in chunks."""
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    k_beta = beta[..., None] * k
    return chunked_corrected_sum(q, k_beta, v, -k_beta, k * g.exp(), g)


def reference(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, g: Tensor) -> Tensor:
    """The delta rule with a decay of each channel, position by position (Kimi Team 2025, equation 1).

    S' = diag(exp(g_t)) S_(t-1), S_t = S' + beta_t k_t (v_t - S'^T k_t)^T, y_t = S_t^T q_t, with q and k
    divided by their lengths.

    Args:
        q: queries.
        k: keys.
        v: values.
        beta: how much of a value is written, 0 to 2.
        g: log decay of each channel of k, zero or less.

    Returns:
        y at each position.

    Shape:
        - q, k, g: (batch, heads, positions, keys)
        - v, y: (batch, heads, positions, values)
        - beta: (batch, heads, positions)
    """
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    state = q.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(q.shape[2]):
        state = torch.einsum("bhk,bhkv->bhkv", g[:, :, t].exp(), state)
        error = v[:, :, t] - torch.einsum("bhk,bhkv->bhv", k[:, :, t], state)
        state = state + torch.einsum("bh,bhk,bhv->bhkv", beta[:, :, t], k[:, :, t], error)
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, :, t], state))
    return torch.stack(outputs, 2)
