"""Mamba's selective state space (Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State
Spaces", 2023, arXiv:2312.00752)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from probekit_plugins.layers.gated_sum import softplus_inverse
from probekit_plugins.layers.scan import Scan, scan_directions, split_evenly

CHUNK = 32


class Mamba(nn.Module):
    """A state space whose step sizes dt depend on the content, with an A for each channel.

        h_t = exp(dt_t A) h_(t-1) + dt_t B_t x_t, y_t = C_t h_t + D x_t

    x is SiLU of a linear map of the input. B and C, shared by all channels, are linear maps of x, and dt is
    softplus of one of rank channels / 16. y is gated by SiLU of another map of the input, then mapped. The
    paper's short convolution belongs to the structure: `plain(conv=4)` has one, and other networks, such as
    the U-Nets that maps run in, have none. The layer is no wider inside. A starts as -1 to -state, dt as
    0.001 to 0.1. Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        state: numbers in the state of a channel.
        scan: the order of reading (see `scan_directions`); each direction has its share of the channels.
        causal: read in reading order only.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        state: PositiveInt = 16,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.state, self.directions = state, scan_directions(scan, size, causal)
        dt_rank = max(1, channels // 16)
        self.in_proj = nn.Linear(channels, 2 * channels)
        self.x_proj = nn.Linear(channels, dt_rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(dt_rank, channels, bias=False)
        self.dt_bias = nn.Parameter(softplus_inverse(torch.empty(channels).uniform_(-6.9, -2.3).exp()))
        self.A_log = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(channels, 1))
        self.D = nn.Parameter(torch.ones(channels))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        projected, gate = self.in_proj(x.flatten(2).mT).chunk(2, 2)
        inner = functional.silu(projected)
        low_rank, *bc = self.x_proj(inner).split([self.dt_proj.in_features, self.state, self.state], 2)
        dt_logits = self.dt_proj(low_rank)
        with torch.autocast(x.device.type, enabled=False):
            dtype, size = self.A_log.dtype, x.shape[2:]
            u = inner.to(dtype).mT  # (batch, channels, positions)
            dt = -functional.logsigmoid(-(dt_logits.to(dtype) + self.dt_bias)).mT  # a softplus
            b, c = (part.to(dtype)[:, None] for part in bc)
            outputs, widths = [], split_evenly(len(self.A_log), self.directions)
            per_channel = (u, 1), (dt, 1), (-self.A_log.exp(), 0)
            split = (torch.split(part, widths, dim) for part, dim in per_channel)
            for direction, *parts, part_a in zip(self.directions, *split, strict=True):
                u_read, dt_read, b_read, c_read = (direction.reorder(part, size) for part in (*parts, b, c))
                y = selective_scan(u_read, dt_read, part_a, b_read, c_read)
                outputs.append(direction.restore_order(y, size))
            y = torch.cat(outputs, 1) + self.D[:, None] * u
        z: Tensor = self.out_proj(y.mT.to(gate.dtype) * functional.silu(gate))
        return z.mT.reshape_as(x)


def selective_scan(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return what `reference` returns, in chunks."""
    dt, u = (part.movedim(2, 0).contiguous() for part in (dt, u))
    b, c = (part.movedim(2, 0) for part in (b, c))
    decay = (dt[..., None] * a).exp()
    h: Tensor = LinearRecurrence.apply(decay, (dt * u)[..., None] * b)  # type: ignore[no-untyped-call]
    return (h @ c.mT).squeeze(3).movedim(0, 2)


def reference(u: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The selective state space, position by position (Gu and Dao 2023, algorithm 2).

    h_t = exp(dt_t A) h_(t-1) + dt_t B_t u_t, y_t = C_t h_t, channel by channel.

    Args:
        u: the input, x in the paper.
        dt: step sizes, positive.
        a: A, negative.
        b: B, what the state receives of the input, the same for all channels.
        c: C, what the output receives of the state, the same for all channels.

    Returns:
        y at each position.

    Shape:
        - u, dt, y: (batch, channels, positions)
        - a: (channels, state)
        - b, c: (batch, 1, positions, state)
    """
    h = u.new_zeros(*u.shape[:2], a.shape[1])
    outputs = []
    for t in range(u.shape[2]):
        decay = torch.einsum("bd,dn->bdn", dt[:, :, t], a).exp()
        h = decay * h + torch.einsum("bd,bd,bn->bdn", dt[:, :, t], u[:, :, t], b[:, 0, t])
        outputs.append(torch.einsum("bn,bdn->bd", c[:, 0, t], h))
    return torch.stack(outputs, 2)


class LinearRecurrence(torch.autograd.Function):
    """h_t = decay_t h_(t-1) + inputs_t from h = 0, number by number, along the first dimension of both."""

    @staticmethod
    def forward(ctx: Any, decay: Tensor, inputs: Tensor) -> Tensor:
        h = run_recurrence(decay, inputs)
        ctx.save_for_backward(decay, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        decay, h = ctx.saved_tensors
        # a change of a state changes all states after it, by as much as the decay leaves of it
        grad_h = run_recurrence(decay.roll(-1, 0).flip(0), gradient.flip(0)).flip(0)
        return grad_h * functional.pad(h, (0, 0) * (h.ndim - 1) + (1, -1)), grad_h


def run_recurrence(decay: Tensor, inputs: Tensor) -> Tensor:
    """Return all h: chunks are computed at once, then each receives the last state of the one before."""
    missing = -len(inputs) % CHUNK
    decay, h = (functional.pad(part, (0, 0) * (part.ndim - 1) + (0, missing)) for part in (decay, inputs))
    decay, h = (torch.unflatten(part, 0, (-1, CHUNK)) for part in (decay, h if missing else h.clone()))
    for position in range(1, CHUNK):
        h[:, position].addcmul_(decay[:, position], h[:, position - 1])
    total_decay = decay.cumprod(1)
    for chunk in range(1, len(h)):
        h[chunk].addcmul_(total_decay[chunk], h[chunk - 1, -1])
    states: Tensor = h.flatten(0, 1)[: len(inputs)]
    return states
