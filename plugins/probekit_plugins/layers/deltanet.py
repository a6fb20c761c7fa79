"""DeltaNet (Schlag et al., "Linear Transformers Are Secretly Fast Weight Programmers", 2021,
arXiv:2102.11174), in chunks as by Yang et al., "Parallelizing Linear Transformers with the Delta Rule over
Sequence Length", 2024, arXiv:2406.06484, and with a gate as in their "Gated Delta Networks", 2025,
arXiv:2412.06464."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.gated_sum import DecayGate
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions

CHUNK = 64


class DeltaNet(MultiHead, nn.Module):
    """The delta rule, head by head: each position corrects what the state S has for its key.

        S_t = a_t S_(t-1) + beta_t k_t (v_t - a_t S_(t-1)^T k_t)^T, y_t = S_t^T q_t

    q, k and v are SiLU of linear maps, q and k of length one; beta is a sigmoid of a linear map. y is
    normalised in each head, then mapped. Computed in chunks, so that time and memory are linear in positions.
    The short convolutions of Yang et al. belong to the structure (`plain(conv=4)`); the output gate of their
    gated form is left out.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        negative: beta goes up to 2, so that the state may have negative eigenvalues, which tracking states
            needs (Grazzi et al., "Unlocking State-Tracking in Linear RNNs Through Negative Eigenvalues",
            2025, arXiv:2411.12537).
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
        negative: bool = False,
        gated: bool = False,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.max_beta = heads, 2.0 if negative else 1.0
        self.directions = scan_directions(scan, size, causal)
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.beta_proj = nn.Linear(channels, heads)
        self.decay_gate = DecayGate(channels, heads) if gated else None
        self.norm_weight = nn.Parameter(torch.ones(channels // heads))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        projections = functional.silu(self.in_proj(rows))
        qkv = projections.view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        beta = self.max_beta * self.beta_proj(rows).mT.sigmoid()  # (batch, heads, positions)
        with torch.autocast(x.device.type, enabled=False):
            gates = () if self.decay_gate is None else (self.decay_gate(rows.to(self.norm_weight.dtype)),)
            y = apply_scan(chunked_delta_rule, (*qkv, beta, *gates), self.directions, x.shape[2:])
            y = functional.rms_norm(y, y.shape[-1:], self.norm_weight.to(y.dtype))
        z: Tensor = self.out_proj(y.to(qkv.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def chunked_delta_rule(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, g: Tensor | None = None) -> Tensor:
    """Return what `reference` returns, in chunks, in float32 at least."""
    dtype = torch.promote_types(q.dtype, torch.float32)  # no triangular system is solved in less
    q, k, v, beta = (part.to(dtype) for part in (q, k, v, beta))
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    parts = [q, k, v, beta[..., None]] if g is None else [q, k, v, beta[..., None], g[..., None]]
    chunks = zip(*(torch.split(part, CHUNK, 2) for part in parts), strict=True)
    outputs = []
    for q_chunk, k_chunk, v_chunk, beta_chunk, *gates in chunks:
        k_beta = beta_chunk * k_chunk
        key_products, scores = k_beta @ k_chunk.mT, (q_chunk @ k_chunk.mT).tril()
        if gates:
            g_cum = gates[0].to(dtype).cumsum(2)
            decay_mask = (g_cum - g_cum.mT).tril().exp()  # masked first: above the diagonal it may be huge
            key_products, scores = key_products * decay_mask, scores * decay_mask
            k_beta, q_chunk = k_beta * g_cum.exp(), q_chunk * g_cum.exp()
        # what a position writes depends on what those before it in the chunk wrote: one triangular solve
        targets = torch.cat([beta_chunk * v_chunk, k_beta], -1)
        solution = torch.linalg.solve_triangular(key_products, targets, upper=False, unitriangular=True)
        u = solution[..., : v.shape[-1]] - solution[..., v.shape[-1] :] @ state
        outputs.append(q_chunk @ state + scores @ u)
        if gates:
            g_last = g_cum[:, :, -1:]
            state, k_chunk = state * g_last.exp(), k_chunk * (g_last - g_cum).exp()
        state = state + k_chunk.mT @ u
    return torch.cat(outputs, 2)


def reference(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, g: Tensor | None = None) -> Tensor:
    """The gated delta rule, position by position (Yang et al. 2025, equation 10; without g, Schlag et al.).

    S_t = exp(g_t) S_(t-1) + beta_t k_t (v_t - exp(g_t) S_(t-1)^T k_t)^T, y_t = S_t^T q_t, with q and k
    divided by their lengths.

    Args:
        q: queries.
        k: keys.
        v: values.
        beta: how much of a value is written, 0 to 2.
        g: log decay, zero or less; None for no decay.

    Returns:
        y at each position.

    Shape:
        - q, k: (batch, heads, positions, keys)
        - v, y: (batch, heads, positions, values)
        - beta, g: (batch, heads, positions)
    """
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    state = q.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(q.shape[2]):
        if g is not None:
            state = torch.einsum("bh,bhkv->bhkv", g[:, :, t].exp(), state)
        error = v[:, :, t] - torch.einsum("bhk,bhkv->bhv", k[:, :, t], state)
        state = state + torch.einsum("bh,bhk,bhv->bhkv", beta[:, :, t], k[:, :, t], error)
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, :, t], state))
    return torch.stack(outputs, 2)
