"""Gated linear attention (Yang et al., "Gated Linear Attention Transformers with Hardware-Efficient
Training", ICML 2024)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.scan import Scan, scanned, ways

CHUNK = 16
RANK = 16
SLOW = 16
"""The gates are this root of a sigmoid, so that little is forgotten at first."""


class GatedLinearAttention(Attention):
    """S <- diag(a) S + k v^T, y = O norm(S^T q / sqrt(d)), head by head, linear in positions.

    (batch, channels, *size) to the same shape. a, a number a channel of k between 0 and 1, is a sigmoid of a
    map of rank 16, to the power of 1/16. The paper's output gate is left out, as in `retention`. heads: must
    divide channels. scan: see `scan.ways`; each way has its share of the heads. causal: in reading order
    alone.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 4,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__(channels, heads=heads, out=True)
        self.size, self.ways = size, ways(scan, size, causal)
        self.gate = nn.Sequential(nn.Linear(channels, RANK, bias=False), nn.Linear(RANK, channels))
        self.scale = nn.Parameter(torch.ones(channels // heads))

    def mapped(self, x: Tensor) -> Tensor:
        """Return q, k, v and the gates' logits of each position, (batch, positions, 4 * channels)."""
        return torch.cat([super().mapped(x), self.gate(x.flatten(2).mT)], 2)

    def attend(self, *parts: Tensor) -> Tensor:
        """Return what is read, normalised in each head; parts: q, k, v and the gates' logits."""
        exact = torch.promote_types(parts[0].dtype, torch.float32)
        q, k, v, gates = (part.to(exact) for part in parts)
        with torch.autocast(q.device.type, enabled=False):
            decay = functional.logsigmoid(gates) / SLOW
            y = scanned(kept, (q * q.shape[-1] ** -0.5, k, v, decay), self.ways, self.size)
            y = functional.rms_norm(y, y.shape[-1:], self.scale.to(exact))
        z: Tensor = y.to(parts[0].dtype)
        return z


def kept(q: Tensor, k: Tensor, v: Tensor, decay: Tensor) -> Tensor:
    """Return S^T q at each position, (batch, heads, positions, d), in chunks; decay: the logarithm of a, of
    the shape of k."""
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    found = []
    parts = (torch.split(part, CHUNK, 2) for part in (q, k, v, decay))
    for asks, keys, values, fading in zip(*parts, strict=True):
        passed = fading.cumsum(2)
        # of each pair and channel; no product of two of them is larger than one, as a quotient might be
        left = (passed[:, :, :, None] - passed[:, :, None]).clamp_(max=0).exp_()
        scores = torch.einsum("bhic,bhjc,bhijc->bhij", asks, keys, left).tril()
        found.append(asks * passed.exp() @ state + scores @ values)
        after = passed[:, :, -1:]
        state = state * after.exp().mT + (keys * (after - passed).exp()).mT @ values
    return torch.cat(found, 2)
