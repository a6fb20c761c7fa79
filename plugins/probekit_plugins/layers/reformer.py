"""Reformer's attention (Kitaev, Kaiser and Levskaya, "Reformer: The Efficient Transformer", ICLR 2020)."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention

ITSELF = -5e4
"""The score of a position with itself: it attends there only where it sees nothing else."""

ALONE = 64
"""The most hashes that one set of directions gives: beyond, time would not be linear in positions."""


class Reformer(Attention):
    """Attention among positions that a locality-sensitive hash holds to be near, head by head.

    In each round positions are hashed by random rotations, sorted by hash, then by place, and cut into chunks
    of `bucket`; each attends to its chunk and the one before (the first to the last). Queries and keys are
    one map, the keys normalised; rounds are weighed by the sum of their exponentials.
    (batch, channels, *size) to the same shape. Time and memory are linear in positions, but for the sort. The
    rotations are drawn once, with the weights, and stored with them, so that a network answers alike twice.
    heads: must divide channels. bucket: the last chunk may be shorter. rounds: how often all this is done.
    """

    rotations: Tensor
    bias: Tensor

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        bucket: PositiveInt = 32,
        heads: PositiveInt = 8,
        rounds: PositiveInt = 4,
    ) -> None:
        super().__init__(channels, heads=heads, maps=2, out=True)
        positions = prod(size)
        self.bucket = min(bucket, positions)
        self.chunks = -(-positions // self.bucket)
        # a direction and its opposite are two hashes; many hashes are pairs of few, as in the paper's code
        factors = 1 if self.chunks <= ALONE else 2
        half = ceil(self.chunks ** (1 / factors) / 2)
        self.rounds = rounds
        self.register_buffer("rotations", torch.randn(heads, rounds, factors, channels // heads, half))
        # sorted or not, a position sees itself at the same place, and what fills up comes last
        places = self.cut(torch.arange(positions).unsqueeze(1), -1)
        seen = self.look_back(places).mT
        bias = torch.zeros(()).masked_fill(places == seen, ITSELF).masked_fill(seen < 0, -torch.inf)
        self.register_buffer("bias", bias, persistent=False)  # (chunks, bucket, keys seen)

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values that queries find among the keys of their own and the preceding chunk."""
        q, v = parts
        shape = (len(q) * self.heads, self.rounds, -1)
        with torch.no_grad():
            order = self.hashes(q).argsort(dim=-1, stable=True).view(shape)
            rounds = torch.arange(self.rounds, device=q.device)[:, None] * q.shape[2]
            back = (order.argsort(-1) + rounds).flatten(1)
        rows = torch.cat([q * q.shape[-1] ** -0.5, functional.normalize(q, dim=-1), v], -1).flatten(0, 1)
        rows = picked(rows, order.flatten(1), back)
        q, k, v = self.cut(torch.unflatten(rows, 1, (self.rounds, -1)), 0).chunk(3, -1)
        # a softmax over the keys of all rounds, kept as numerator, denominator and the highest score of each
        scores = (q @ self.look_back(k).mT).add_(self.bias)  # (items, rounds, chunks, bucket, keys seen)
        highest = scores.detach().amax(-1, keepdim=True)
        shares = scores.sub_(highest).exp_()
        found = torch.cat([shares @ self.look_back(v), shares.sum(-1, keepdim=True), highest], -1)
        found = found.flatten(2, 3)[:, :, : order.shape[-1]].flatten(1, 2)  # without what filled up
        found = picked(found, back, (order + rounds).flatten(1))
        values, sums, highest = torch.unflatten(found, 1, (self.rounds, -1)).split_with_sizes(
            [v.shape[-1], 1, 1], -1
        )
        weights = (highest - highest.amax(1, keepdim=True)).exp()
        return ((values * weights).sum(1) / (sums * weights).sum(1)).view_as(parts[1])

    def hashes(self, q: Tensor) -> Tensor:
        """Return each position's hash (batch, heads, rounds, positions): which directions are nearest."""
        turned = q[:, :, None, None] @ self.rotations
        first, *second = torch.cat([turned, -turned], -1).argmax(-1).unbind(3)
        return first * 2 * turned.shape[-1] + second[0] if second else first

    def cut(self, x: Tensor, fill: float) -> Tensor:
        """Return (..., chunks, bucket, n) from (..., positions, n), filled up at the end."""
        short = self.chunks * self.bucket - x.shape[-2]
        full = functional.pad(x, (0, 0, 0, short), value=fill) if short else x
        return torch.unflatten(full, -2, (self.chunks, self.bucket))

    def look_back(self, x: Tensor) -> Tensor:
        """Return (..., chunks, keys seen, n): each chunk with the one before, if there are two."""
        return torch.cat([x, x.roll(1, -3)], -2) if self.chunks > 1 else x


def picked(x: Tensor, there: Tensor, back: Tensor) -> Tensor:
    """Return Pick of its arguments."""
    y: Tensor = Pick.apply(x, there, back)  # type: ignore[no-untyped-call]
    return y


class Pick(torch.autograd.Function):
    """Rows (items, many, n) of x (items, few, n) by their number there (items, many), each equally often.

    back: for each row of x, one copy of x after the other, where it went. Its gradient is then picked too.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        ctx.few = x.shape[1]
        return pick(x, there)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient = pick(gradients[0], ctx.saved_tensors[0])
        return torch.unflatten(gradient, 1, (-1, ctx.few)).sum(1), None, None


def pick(x: Tensor, there: Tensor) -> Tensor:
    """Return the rows (items, many, n) of x (items, few, n) whose numbers are `there`, copied whole."""
    first = torch.arange(len(x), device=x.device).unsqueeze(1) * x.shape[1]
    return x.flatten(0, 1).index_select(0, (there + first).flatten()).view(*there.shape, -1)
