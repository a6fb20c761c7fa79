"""DeltaProduct (Siems et al., "DeltaProduct: Improving State-Tracking in Linear RNNs via Householder
Products", NeurIPS 2025, arXiv:2502.10297)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.deltanet import chunked_delta_rule
from probekit_plugins.layers.gated_sum import DecayGate
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class DeltaProduct(MultiHead, nn.Module):
    """Several steps of the delta rule at each position, head by head.

        S_(t,j) = S_(t,j-1) + beta_(t,j) k_(t,j) (v_(t,j) - S_(t,j-1)^T k_(t,j))^T for j = 1, ..., n
        S_(t,0) = a_t S_(t-1,n), y_t = S_(t,n)^T q_t

    A position multiplies the state by n factors 1 - beta k k^T, so by a rotation from n = 2 and beta = 2 on.
    q, k and v are SiLU of linear maps, q and k of length one; beta is a sigmoid of a linear map. y is
    normalised in each head, then mapped. It is `deltanet` with n steps for each position, in its chunks.
    Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        steps: n, how many keys and values a position writes.
        negative: beta goes up to 2 instead of 1, so that the state may have negative eigenvalues.
        gated: a is a learned decay (see `DecayGate`) instead of one.
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
        steps: Annotated[int, Field(ge=1, le=16)] = 2,
        negative: bool = False,
        gated: bool = False,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.steps, self.max_beta = heads, steps, 2.0 if negative else 1.0
        self.directions = scan_directions(scan, size, causal)
        self.in_proj = nn.Linear(channels, (1 + 2 * steps) * channels)
        self.beta_proj = nn.Linear(channels, steps * heads)
        self.decay_gate = DecayGate(channels, heads) if gated else None
        self.norm_weight = nn.Parameter(torch.ones(channels // heads))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        projections = functional.silu(self.in_proj(rows))
        projections = projections.view(*rows.shape[:2], 1 + 2 * self.steps, self.heads, -1)
        q, k, v = torch.split_with_sizes(projections.permute(0, 3, 1, 2, 4), [1, self.steps, self.steps], 3)
        beta = self.max_beta * self.beta_proj(rows).sigmoid().view(*rows.shape[:2], self.steps, self.heads)
        with torch.autocast(x.device.type, enabled=False):
            gates = () if self.decay_gate is None else (self.decay_gate(rows.to(self.norm_weight.dtype)),)
            parts = (q.squeeze(3), k, v, beta.permute(0, 3, 1, 2), *gates)
            y = apply_scan(chunked_delta_product, parts, self.directions, x.shape[2:])
            y = functional.rms_norm(y, y.shape[-1:], self.norm_weight.to(y.dtype))
        z: Tensor = self.out_proj(y.to(q.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def chunked_delta_product(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, g: Tensor | None = None) -> Tensor:
    """Return what `reference` returns: the delta rule on n times as many positions, every nth one read."""
    steps = k.shape[3]
    q = q.repeat_interleave(steps, 2)
    if g is not None:  # a position decays once, before its first step
        g = functional.pad(g[..., None], (0, steps - 1)).flatten(2)
    y = chunked_delta_rule(q, k.flatten(2, 3), v.flatten(2, 3), beta.flatten(2), g)
    return y[:, :, steps - 1 :: steps]


def reference(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, g: Tensor | None = None) -> Tensor:
    """The product of delta rules, step by step (Siems et al. 2025, section 3).

    S = exp(g_t) S, then S + beta_tj k_tj (v_tj - S^T k_tj)^T for each j, y_t = S^T q_t, with q and k divided
    by their lengths.

    Args:
        q: queries.
        k: keys.
        v: values.
        beta: how much of a value is written, 0 to 2.
        g: log decay, zero or less; None for no decay.

    Returns:
        y at each position.

    Shape:
        - q: (batch, heads, positions, keys)
        - k: (batch, heads, positions, steps, keys)
        - v: (batch, heads, positions, steps, values)
        - beta: (batch, heads, positions, steps)
        - g: (batch, heads, positions)
        - y: (batch, heads, positions, values)
    """
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(q.shape[2]):
        if g is not None:
            state = torch.einsum("bh,bhkv->bhkv", g[:, :, t].exp(), state)
        for j in range(k.shape[3]):
            error = v[:, :, t, j] - torch.einsum("bhk,bhkv->bhv", k[:, :, t, j], state)
            state = state + torch.einsum("bh,bhk,bhv->bhkv", beta[:, :, t, j], k[:, :, t, j], error)
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, :, t], state))
    return torch.stack(outputs, 2)
