"""Mamba-3 (Lahoti et al., "Mamba-3: Improved Sequence Modeling using State Space Principles", ICLR 2026,
arXiv:2603.15569)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.gated_sum import chunked_gated_sum, softplus_inverse
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class Mamba3(MultiHead, nn.Module):
    """A state that decays and rotates with the content, head by head.

        h_t = a_t R_t (h_(t-1) + (1 - l_t) dt_t B_(t-1) x_(t-1)) + l_t dt_t B_t x_t
        y_t = C_t h_t + D x_t

    a = exp(dt A) decays the state of a head, and R rotates its pairs of numbers by dt theta: a complex state.
    The input is weighted by the trapezoidal rule, which takes the position before into account, so that the
    layer needs no short convolution. x, B, C, theta and the logits of l, A and dt are linear maps of the
    input; theta, B and C are shared by all heads. B and C are normalised and receive a bias in each head,
    one at first. l is a sigmoid, -A and dt are softplus; dt starts as 0.001 to 0.1. y is gated by SiLU of
    another map, then mapped. One input and one output per head: the paper's MIMO form is left out. The layer
    is no wider inside. Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        state: numbers in B and in C, an even number.
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
        heads: PositiveInt = 8,
        state: Annotated[int, Field(ge=2, multiple_of=2)] = 16,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.state = heads, state
        self.directions = scan_directions(scan, size, causal)
        self.splits = [channels, channels, state, state, heads, heads, heads, state // 2]
        self.in_proj = nn.Linear(channels, sum(self.splits))
        self.dt_bias = nn.Parameter(softplus_inverse(torch.empty(heads).uniform_(-6.9, -2.3).exp()))
        self.B_norm, self.C_norm = (nn.Parameter(torch.ones(state)) for _ in range(2))
        self.B_bias, self.C_bias = (nn.Parameter(torch.ones(heads, 1, state)) for _ in range(2))
        self.D = nn.Parameter(torch.ones(heads))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        parts = torch.split_with_sizes(self.in_proj(rows), self.splits, 2)
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(rows.dtype, torch.float32)
            gate, inner, b, c, dt, a, trapezoid, theta = (part.to(dtype) for part in parts)
            u = inner.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)
            b = functional.rms_norm(b, (self.state,), self.B_norm.to(dtype))[:, None] + self.B_bias.to(dtype)
            c = functional.rms_norm(c, (self.state,), self.C_norm.to(dtype))[:, None] + self.C_bias.to(dtype)
            dt = functional.softplus(dt + self.dt_bias.to(dtype)).mT  # (batch, heads, positions)
            g = -functional.softplus(a).mT * dt
            angles = dt[..., None] * theta[:, None]
            read = (c, b, u, dt, g, trapezoid.mT.sigmoid(), angles)
            y = apply_scan(chunked_rotating_sum, read, self.directions, x.shape[2:])
            y = (y + self.D.to(dtype)[:, None, None] * u).transpose(1, 2).flatten(2)
            y = y * functional.silu(gate)
        z: Tensor = self.out_proj(y.to(x.dtype))
        return z.mT.reshape_as(x)


def chunked_rotating_sum(
    c: Tensor, b: Tensor, u: Tensor, dt: Tensor, g: Tensor, share: Tensor, angles: Tensor
) -> Tensor:
    """Return what `reference` returns, in chunks.

    A state that rotates is one at rest whose B and C are rotated back, by all angles so far.
    """
    total = -angles.cumsum(2)
    b, c = rotate_pairs(b, total), rotate_pairs(c, total)
    b_before, u_before = (functional.pad(part, (0, 0, 1, -1)) for part in (b, u))
    weight, weight_before = share * dt, (1 - share) * dt * g.exp()
    y = chunked_gated_sum(c, b, weight[..., None] * u, g)
    return y + chunked_gated_sum(c, b_before, weight_before[..., None] * u_before, g)


def rotate_pairs(x: Tensor, angles: Tensor) -> Tensor:
    """Rotate the pairs (x_i, x_(i + n)) of vectors of 2 n numbers by n angles."""
    (first, second), cosine, sine = x.chunk(2, -1), angles.cos(), angles.sin()
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


def reference(
    c: Tensor, b: Tensor, u: Tensor, dt: Tensor, g: Tensor, share: Tensor, angles: Tensor
) -> Tensor:
    """The rotating state space, position by position (Lahoti et al. 2026, trapezoidal rule, complex state).

    h_t = exp(g_t) R_t (h_(t-1) + (1 - share_t) dt_t B_(t-1) u_(t-1)) + share_t dt_t B_t u_t, y_t = C_t h_t.

    Args:
        c: C, what the output receives of the state.
        b: B, what the state receives of the input.
        u: the input, x in the paper.
        dt: step sizes, positive.
        g: log decay, dt A.
        share: how much of a step the input at its end counts, 0 to 1.
        angles: by which R rotates each pair of the state.

    Returns:
        y at each position.

    Shape:
        - c, b: (batch, heads, positions, state)
        - u, y: (batch, heads, positions, channels / heads)
        - dt, g, share: (batch, heads, positions)
        - angles: (batch, heads, positions, state / 2)
    """
    h = u.new_zeros(*u.shape[:2], u.shape[-1], b.shape[-1])
    written = torch.zeros_like(h)
    outputs = []
    for t in range(u.shape[2]):
        h = h + torch.einsum("bh,bhpn->bhpn", (1 - share[:, :, t]) * dt[:, :, t], written)
        h = torch.einsum("bh,bhpn->bhpn", g[:, :, t].exp(), rotate_pairs(h, angles[:, :, t, None]))
        written = torch.einsum("bhp,bhn->bhpn", u[:, :, t], b[:, :, t])
        h = h + torch.einsum("bh,bhpn->bhpn", share[:, :, t] * dt[:, :, t], written)
        outputs.append(torch.einsum("bhn,bhpn->bhp", c[:, :, t], h))
    return torch.stack(outputs, 2)
