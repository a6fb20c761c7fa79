"""Mamba's selective state space (Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State
Spaces", 2023)."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from probekit_plugins.layers.decayed import softplus_inverse
from probekit_plugins.layers.scan import Scan, shares, ways

CHUNK = 32


class Mamba(nn.Module):
    """h <- exp(d A) h + d B x, y = C h + D x, channel by channel, each with its own A, linear in positions.

    (batch, channels, *size) to the same shape. x is SiLU of a linear map of what comes in; B and C, shared by
    all channels, are linear maps of x, and the step d is softplus of one of rank channels / 16. y is gated by
    SiLU of another map, and mapped. The paper's short convolution is the structure's (`conv`), and it is no
    wider inside. A starts as -1 to -state, steps as 0.001 to 0.1. state: numbers of a channel's state. scan:
    see `scan.ways`; each way has its share of the channels. causal: in reading order alone.
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
        self.state, self.ways = state, ways(scan, size, causal)
        rank = max(1, channels // 16)
        self.maps = nn.Linear(channels, 2 * channels)
        self.reads = nn.Linear(channels, rank + 2 * state, bias=False)
        self.widen = nn.Linear(rank, channels, bias=False)
        self.steps = nn.Parameter(softplus_inverse(torch.empty(channels).uniform_(-6.9, -2.3).exp()))
        self.rates = nn.Parameter(torch.arange(1.0, state + 1).log().repeat(channels, 1))
        self.skip = nn.Parameter(torch.ones(channels))
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        wide, gate = self.maps(x.flatten(2).mT).chunk(2, 2)
        inner = functional.silu(wide)
        narrow, *shared = self.reads(inner).split([self.widen.in_features, self.state, self.state], 2)
        step = self.widen(narrow)
        with torch.autocast(x.device.type, enabled=False):
            exact, size = self.rates.dtype, x.shape[2:]
            values = inner.to(exact).mT  # (batch, channels, positions)
            steps = -functional.logsigmoid(-(step.to(exact) + self.steps)).mT  # a softplus
            b, c = (part.to(exact)[:, None] for part in shared)
            found, heads = [], shares(len(self.rates), self.ways)
            own = (steps, 1), (values, 1), (self.rates.exp(), 0)
            split = (torch.split(part, heads, dim) for part, dim in own)
            for way, some, given, rates in zip(self.ways, *split, strict=True):
                read = (way.read(part, size) for part in (some, given, b, c))
                found.append(way.restore(selected(rates, *read), size))
            y = torch.cat(found, 1) + self.skip[:, None] * values
        z: Tensor = self.out(y.mT.to(gate.dtype) * functional.silu(gate))
        return z.mT.reshape_as(x)


def selected(rates: Tensor, steps: Tensor, values: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return C h at each position, (batch, channels, positions).

    rates: -A, (channels, state). steps, values: d and x, (batch, channels, positions). b, c: what all
    channels are given and asked, (batch, 1, positions, state).
    """
    steps, values = (part.movedim(2, 0).contiguous() for part in (steps, values))
    b, c = (part.movedim(2, 0) for part in (b, c))
    left = (steps[..., None] * -rates).exp()
    h: Tensor = Recurrence.apply(left, (steps * values)[..., None] * b)  # type: ignore[no-untyped-call]
    return (h @ c.mT).squeeze(3).movedim(0, 2)


class Recurrence(torch.autograd.Function):
    """h_t = left_t h_(t-1) + taken_t from h = 0, number by number, along the first dimension of both."""

    @staticmethod
    def forward(ctx: Any, left: Tensor, taken: Tensor) -> Tensor:
        h = recur(left, taken)
        ctx.save_for_backward(left, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        left, h = ctx.saved_tensors
        # what a state changes it changes in all after it, by as much as is left of it there
        back = recur(left.roll(-1, 0).flip(0), gradient.flip(0)).flip(0)
        return back * functional.pad(h, (0, 0) * (h.ndim - 1) + (1, -1)), back


def recur(left: Tensor, taken: Tensor) -> Tensor:
    """Return all h: of all chunks at once, each then given the state that the one before it ended with."""
    short = -len(taken) % CHUNK
    some, h = (functional.pad(part, (0, 0) * (part.ndim - 1) + (0, short)) for part in (left, taken))
    some, h = (torch.unflatten(part, 0, (-1, CHUNK)) for part in (some, h if short else h.clone()))
    for place in range(1, CHUNK):
        h[:, place].addcmul_(some[:, place], h[:, place - 1])
    passed = some.cumprod(1)
    for chunk in range(1, len(h)):
        h[chunk].addcmul_(passed[chunk], h[chunk - 1, -1])
    found: Tensor = h.flatten(0, 1)[: len(taken)]
    return found
