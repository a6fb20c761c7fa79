"""DeltaNet (Schlag et al., "Linear Transformers Are Secretly Fast Weight Programmers", 2021), in chunks as by
Yang et al., "Parallelizing Linear Transformers with the Delta Rule over Sequence Length", 2024, and with a
gate as in their "Gated Delta Networks", 2025."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.decayed import Fading
from probekit_plugins.layers.headed import Headed
from probekit_plugins.layers.scan import Scan, scanned, ways

CHUNK = 64


class DeltaNet(Headed, nn.Module):
    """S <- a S + beta k (v - a S^T k)^T, y = S^T q: (batch, channels, *size) to the same shape.

    q, k and v are SiLU of linear maps, q and k of length one, cut into heads; beta is a sigmoid of a linear
    map. a is one, or `gated`: what is left of the state, as `Fading` has it. In chunks, so that time and
    memory are linear in positions. heads: must divide channels. negative: beta up to 2, so that a state may
    be turned over, which tracking states takes (Grazzi et al., "Unlocking State-Tracking in Linear RNNs
    Through Negative Eigenvalues", 2025). scan: see `scan.ways`; each way has its share of the heads. causal:
    in reading order alone.
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
        self.heads, self.most, self.ways = heads, 2.0 if negative else 1.0, ways(scan, size, causal)
        self.maps = nn.Linear(channels, 3 * channels)
        self.rate = nn.Linear(channels, heads)
        self.fading = Fading(channels, heads) if gated else None
        self.scale = nn.Parameter(torch.ones(channels // heads))
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        made = functional.silu(self.maps(rows))
        parts = made.view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        beta = self.most * self.rate(rows).mT.sigmoid()  # (batch, heads, positions)
        with torch.autocast(x.device.type, enabled=False):
            left = () if self.fading is None else (self.fading(rows.to(self.scale.dtype)),)
            y = scanned(corrected, (*parts, beta, *left), self.ways, x.shape[2:])
            y = functional.rms_norm(y, y.shape[-1:], self.scale.to(y.dtype))
        z: Tensor = self.out(y.to(parts.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def corrected(q: Tensor, k: Tensor, v: Tensor, beta: Tensor, decay: Tensor | None = None) -> Tensor:
    """Return S^T q at each position, (batch, heads, positions, d); q, k, v: (batch, heads, positions, d).

    beta: (batch, heads, positions). decay: the logarithm of what is left of the state, of the same shape.
    """
    exact = torch.promote_types(q.dtype, torch.float32)  # no triangular system is solved in less
    q, k, v, beta = (part.to(exact) for part in (q, k, v, beta))
    q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    parts = [q, k, v, beta[..., None]] if decay is None else [q, k, v, beta[..., None], decay[..., None]]
    chunks = zip(*(torch.split(part, CHUNK, 2) for part in parts), strict=True)
    found = []
    for asks, keys, values, rates, *fading in chunks:
        known = rates * keys
        mixed, scores = known @ keys.mT, (asks @ keys.mT).tril()
        if fading:
            passed = fading[0].to(exact).cumsum(2)
            left = (passed - passed.mT).tril().exp()  # masked first: beyond the diagonal it may be huge
            mixed, scores = mixed * left, scores * left
            known, asks = known * passed.exp(), asks * passed.exp()
        # what a position writes depends on what those before it in the chunk wrote: one triangular solve
        right = torch.cat([rates * values, known], -1)
        solved = torch.linalg.solve_triangular(mixed, right, upper=False, unitriangular=True)
        written = solved[..., : v.shape[-1]] - solved[..., v.shape[-1] :] @ state
        found.append(asks @ state + scores @ written)
        if fading:
            after = passed[:, :, -1:]
            state, keys = state * after.exp(), keys * (after - passed).exp()
        state = state + keys.mT @ written
    return torch.cat(found, 2)
