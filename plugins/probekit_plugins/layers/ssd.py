"""Mamba-2 (Dao and Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured
State Space Duality", ICML 2024, arXiv:2405.21060)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.gated_sum import chunked_gated_sum, softplus_inverse
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class SSD(MultiHead, nn.Module):
    """A state space whose decay depends on the content, head by head; linear in positions.

        h_t = exp(dt_t A) h_(t-1) + dt_t B_t x_t^T, y_t = h_t^T C_t + D x_t

    x, B and C are SiLU of linear maps of the input, B and C shared by all heads, and dt is softplus of
    another: the decay depends on the content. y is gated by SiLU of another map, normalised and mapped. The
    paper's short convolution belongs to the structure: `plain(conv=4)` has one, and other networks, such as
    the U-Nets that maps run in, have none. The layer is no wider inside. -A starts as 1 to 16, dt as 0.001 to
    0.1.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        state: numbers in B and in C.
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
        state: PositiveInt = 16,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.state = heads, state
        self.directions = scan_directions(scan, size, causal)
        self.in_proj = nn.Linear(channels, 2 * channels + 2 * state + heads)
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.dt_bias = nn.Parameter(softplus_inverse(torch.empty(heads).uniform_(-6.9, -2.3).exp()))
        self.D = nn.Parameter(torch.ones(heads))
        self.norm_weight = nn.Parameter(torch.ones(channels))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows, channels = x.flatten(2).mT, x.shape[1]
        gate, inner, b, c, dt_logits = self.in_proj(rows).split(
            [channels, channels, self.state, self.state, self.heads], 2
        )
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(inner.dtype, torch.float32)
            inner, b, c = (functional.silu(part.to(dtype)) for part in (inner, b, c))
            u = inner.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)
            dt = functional.softplus(dt_logits.to(dtype) + self.dt_bias).mT  # (batch, heads, positions)
            b, c = (part[:, None].expand(-1, self.heads, -1, -1) for part in (b, c))
            g = -self.A_log.exp()[:, None] * dt
            y = apply_scan(chunked_gated_sum, (c, b, dt[..., None] * u, g), self.directions, x.shape[2:])
            y = (y + self.D[:, None, None] * u).transpose(1, 2).flatten(2)
            y = y * functional.silu(gate.to(dtype))
            y = functional.rms_norm(y, (channels,), self.norm_weight.to(dtype))
        z: Tensor = self.out_proj(y.to(rows.dtype))
        return z.mT.reshape_as(x)


def reference(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The state space of Mamba-2, position by position (Dao and Gu 2024, equation 2 with a scalar A).

    h_t = exp(dt_t A) h_(t-1) + dt_t B_t u_t^T, y_t = h_t^T C_t, head by head.

    Args:
        u: the input, x in the paper.
        dt: step sizes, positive.
        a: A of each head, negative.
        b: B, the same for all heads.
        c: C, the same for all heads.

    Returns:
        y at each position.

    Shape:
        - u, y: (batch, heads, positions, channels / heads)
        - dt: (batch, heads, positions)
        - a: (heads,)
        - b, c: (batch, positions, state)
    """
    h = u.new_zeros(*u.shape[:2], b.shape[-1], u.shape[-1])
    outputs = []
    for t in range(u.shape[2]):
        decay = torch.einsum("bh,h->bh", dt[:, :, t], a).exp()
        h = torch.einsum("bh,bhnp->bhnp", decay, h)
        h = h + torch.einsum("bh,bn,bhp->bhnp", dt[:, :, t], b[:, t], u[:, :, t])
        outputs.append(torch.einsum("bn,bhnp->bhp", c[:, t], h))
    return torch.stack(outputs, 2)
