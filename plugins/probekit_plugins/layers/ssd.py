"""Mamba-2 (Dao and Gu, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured
State Space Duality", ICML 2024)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.decayed import decayed, softplus_inverse
from probekit_plugins.layers.headed import Headed
from probekit_plugins.layers.scan import Scan, scanned, ways


class SSD(Headed, nn.Module):
    """h_t = exp(-a d_t) h_(t-1) + d_t B_t x_t, y_t = C_t h_t + D x_t, head by head, linear in positions.

    (batch, channels, *size) to the same shape. x, B and C are SiLU of linear maps of what comes in, B and C
    shared by all heads, and the step d_t is softplus of another: what is kept and forgotten hangs on what is
    read. y is gated by SiLU of another map, normalised and mapped. The short convolution is the structure's
    (`conv`). a is 1 to 16, and steps 0.001 to 0.1, at first. state: numbers that B and C have. heads: must
    divide channels. scan: see `scan.ways`; each way has its share of the heads. causal: in reading order
    alone.
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
        self.heads, self.state, self.ways = heads, state, ways(scan, size, causal)
        self.maps = nn.Linear(channels, 2 * channels + 2 * state + heads)
        self.rates = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.steps = nn.Parameter(softplus_inverse(torch.empty(heads).uniform_(-6.9, -2.3).exp()))
        self.skip = nn.Parameter(torch.ones(heads))
        self.scale = nn.Parameter(torch.ones(channels))
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows, channels = x.flatten(2).mT, x.shape[1]
        gate, inner, b, c, step = self.maps(rows).split(
            [channels, channels, self.state, self.state, self.heads], 2
        )
        with torch.autocast(x.device.type, enabled=False):
            exact = torch.promote_types(inner.dtype, torch.float32)
            inner, b, c = (functional.silu(part.to(exact)) for part in (inner, b, c))
            values = inner.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)
            steps = functional.softplus(step.to(exact) + self.steps).mT  # (batch, heads, positions)
            keys, asks = (part[:, None].expand(-1, self.heads, -1, -1) for part in (b, c))
            decay = -self.rates.exp()[:, None] * steps
            parts = (asks, keys, steps[..., None] * values, decay)
            y = scanned(decayed, parts, self.ways, x.shape[2:])
            y = (y + self.skip[:, None, None] * values).transpose(1, 2).flatten(2)
            y = functional.rms_norm(y * functional.silu(gate.to(exact)), (channels,), self.scale.to(exact))
        z: Tensor = self.out(y.to(rows.dtype))
        return z.mT.reshape_as(x)
