"""Mamba's selective state space (Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State
Spaces", 2023)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from probekit_plugins.layers.decayed import softplus_inverse
from probekit_plugins.layers.scan import Scan, scanned, ways

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
        narrow, b, c = self.reads(inner).split([self.widen.in_features, self.state, self.state], 2)
        step = self.widen(narrow)
        with torch.autocast(x.device.type, enabled=False):
            exact = self.rates.dtype
            values = inner.to(exact).mT  # (batch, channels, positions)
            steps = -functional.logsigmoid(-(step.to(exact) + self.steps)).mT  # a softplus
            keys, asks = (part.to(exact)[:, None].expand(-1, x.shape[1], -1, -1) for part in (b, c))
            decay = -steps[..., None] * self.rates.exp()[:, None]
            parts = (decay, (steps * values)[..., None] * keys, asks)
            y = scanned(remade, parts, self.ways, x.shape[2:]) + self.skip[:, None] * values
        z: Tensor = self.out(y.mT.to(gate.dtype) * functional.silu(gate))
        return z.mT.reshape_as(x)


def remade(*parts: Tensor) -> Tensor:
    """Return what `selected` does; its many states are made again on the way back, not kept till then."""
    y: Tensor = checkpoint(selected, *parts, use_reentrant=False, preserve_rng_state=False)
    return y


def selected(decay: Tensor, taken: Tensor, asks: Tensor) -> Tensor:
    """Return C h at each position, (batch, channels, positions); decay: the logarithm of what is left of h,
    taken: what is added to it, asks: C, (batch, channels, positions, state) each.

    In chunks, within which states that lie 1, 2, 4 and so on positions apart are joined (Hillis and Steele),
    all chunks at once; then each is given the state that the one before it ended with.
    """
    count = taken.shape[2]
    chunk = min(CHUNK, count)
    padded = (functional.pad(part, (0, 0, 0, -count % chunk)) for part in (decay, taken))
    left, h = (part.view(*part.shape[:2], -1, chunk, part.shape[3]) for part in padded)
    apart = 1
    while apart < chunk:
        joined = h[:, :, :, apart:] + left[:, :, :, apart:].exp() * h[:, :, :, :-apart]
        h = torch.cat([h[:, :, :, :apart], joined], 3)
        left = torch.cat([left[:, :, :, :apart], left[:, :, :, apart:] + left[:, :, :, :-apart]], 3)
        apart *= 2
    passed = left.exp()
    before = [taken[:, :, 0] * 0]
    for ends, kept in zip(h[:, :, :-1, -1].unbind(2), passed[:, :, :-1, -1].unbind(2), strict=True):
        before.append(ends + kept * before[-1])
    h = h + passed * torch.stack(before, 2)[:, :, :, None]
    y: Tensor = (h.flatten(2, 3)[:, :, :count] * asks).sum(3)
    return y
