"""Reformer's attention (Kitaev, Kaiser and Levskaya, "Reformer: The Efficient Transformer", ICLR 2020,
arXiv:2001.04451)."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention

SELF_SCORE = -5e4
"""The score of a position with itself: it attends there only where it sees nothing else."""

MAX_HASHES = 64
"""The most hashes that one set of directions gives: beyond, time would not be linear in positions."""


class Reformer(Attention):
    """Attention among positions that have a similar locality-sensitive hash, head by head.

        k_m = q_m / |q_m|, y_n = O sum_(m in C(n)) softmax_m(q_n^T k_m / sqrt(d)) v_m

    C(n) are the positions of the chunks that n attends to. In each round positions are hashed by random
    rotations, sorted by hash, then by position, and cut into chunks. Each attends to its chunk and the one
    before (the first to the last). Queries and keys are one map, the keys normalised. Rounds are weighted by
    the sum of their exponentials. Time and memory are linear in positions, except for the sort. The rotations
    are drawn once, with the weights, and stored with them, so that a network gives the same answer twice.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        bucket: positions per chunk; the last chunk may be shorter.
        heads: must divide the channels.
        rounds: how often the positions are hashed.

    Shape:
        (batch, channels, *size) to the same shape.
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
        super().__init__(channels, heads=heads, projections=2, project_out=True)
        positions = prod(size)
        self.bucket = min(bucket, positions)
        self.chunks = -(-positions // self.bucket)
        # a direction and its opposite are two hashes; many hashes are pairs of few, as in the paper's code
        factors = 1 if self.chunks <= MAX_HASHES else 2
        half = ceil(self.chunks ** (1 / factors) / 2)
        self.rounds = rounds
        self.register_buffer("rotations", torch.randn(heads, rounds, factors, channels // heads, half))
        # sorted or not, a position sees itself at the same index, and the padding comes last
        queries = self.split_chunks(torch.arange(positions).unsqueeze(1), -1)
        keys = self.look_one_back(queries).mT
        bias = torch.zeros(()).masked_fill(queries == keys, SELF_SCORE).masked_fill(keys < 0, -torch.inf)
        self.register_buffer("bias", bias, persistent=False)  # (chunks, bucket, keys seen)

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, bucket: int, **_: Any) -> str:
        """Return what hashing amounts to on a map: nothing, where two chunks hold all positions."""
        if 2 * bucket < prod(size):
            return ""
        return (
            f"with chunks of {bucket} positions every position sees all others, in every round. This is "
            "dense attention with shared queries and keys, and hashing has no effect."
        )

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values that queries receive from the keys of their own and the preceding chunk."""
        q, v = parts
        shape = (len(q) * self.heads, self.rounds, -1)
        with torch.no_grad():
            order = self.hash_vectors(q).argsort(dim=-1, stable=True).view(shape)
            round_offsets = torch.arange(self.rounds, device=q.device)[:, None] * q.shape[2]
            undo_order = (order.argsort(-1) + round_offsets).flatten(1)
        rows = torch.cat([q * q.shape[-1] ** -0.5, functional.normalize(q, dim=-1), v], -1).flatten(0, 1)
        rows = gather_rows(rows, order.flatten(1), undo_order)
        q, k, v = self.split_chunks(torch.unflatten(rows, 1, (self.rounds, -1)), 0).chunk(3, -1)
        # a softmax over the keys of all rounds, kept as numerator, denominator and the highest score of each
        scores = (q @ self.look_one_back(k).mT).add_(self.bias)  # (items, rounds, chunks, bucket, keys seen)
        highest = scores.detach().amax(-1, keepdim=True)
        exponentials = scores.sub_(highest).exp_()
        totals = torch.cat(
            [exponentials @ self.look_one_back(v), exponentials.sum(-1, keepdim=True), highest], -1
        )
        totals = totals.flatten(2, 3)[:, :, : order.shape[-1]].flatten(1, 2)  # without the padding
        totals = gather_rows(totals, undo_order, (order + round_offsets).flatten(1))
        values, sums, highest = torch.unflatten(totals, 1, (self.rounds, -1)).split_with_sizes(
            [v.shape[-1], 1, 1], -1
        )
        weights = (highest - highest.amax(1, keepdim=True)).exp()
        return ((values * weights).sum(1) / (sums * weights).sum(1)).view_as(parts[1])

    def hash_vectors(self, q: Tensor) -> Tensor:
        """Return each position's hash (batch, heads, rounds, positions): which directions are nearest."""
        rotated = q[:, :, None, None] @ self.rotations
        first, *second = torch.cat([rotated, -rotated], -1).argmax(-1).unbind(3)
        return first * 2 * rotated.shape[-1] + second[0] if second else first

    def split_chunks(self, x: Tensor, fill: float) -> Tensor:
        """Return (..., chunks, bucket, n) from (..., positions, n), padded at the end."""
        missing = self.chunks * self.bucket - x.shape[-2]
        padded = functional.pad(x, (0, 0, 0, missing), value=fill) if missing else x
        return torch.unflatten(padded, -2, (self.chunks, self.bucket))

    def look_one_back(self, x: Tensor) -> Tensor:
        """Return (..., chunks, keys seen, n): each chunk with the one before, if there are two."""
        return torch.cat([x, x.roll(1, -3)], -2) if self.chunks > 1 else x


def reference(q: Tensor, v: Tensor, rotations: Tensor, bucket: int) -> Tensor:
    """LSH attention of one head, chunk by chunk (Kitaev et al. 2020, section 2).

    y_n = sum over rounds r and m in P_r(n) of exp(q_n k_m / sqrt(d)) v_m, divided by the sum of the
    exponentials. k is q divided by its length. P_r(n) are the positions in n's chunk and the one before,
    without n where there is another; positions are sorted by h(q_n) = argmax [q_n R; -q_n R].

    Args:
        q: queries, also keys.
        v: values.
        rotations: R of each round; of two factors, the hash is a pair.
        bucket: positions per chunk.

    Returns:
        y at each position.

    Shape:
        - q: (positions, d)
        - v, y: (positions, values)
        - rotations: (rounds, factors, d, hashes / 2)
    """
    k = functional.normalize(q, dim=-1)
    sums, norms = torch.zeros_like(v), v.new_zeros(len(v), 1)
    for rotation in rotations:
        rotated = torch.einsum("nd,fdh->fnh", q, rotation)
        hashes = torch.cat([rotated, -rotated], -1).argmax(-1).T.tolist()
        order = torch.tensor(sorted(range(len(q)), key=lambda n: (hashes[n], n)))
        chunks = torch.split(order, bucket)
        for index, chunk in enumerate(chunks):
            keys = torch.cat([chunk, chunks[index - 1]]) if len(chunks) > 1 else chunk
            scores = torch.einsum("nd,md->nm", q[chunk], k[keys]) / q.shape[1] ** 0.5
            if len(keys) > 1:
                scores = scores.masked_fill(chunk[:, None] == keys, -torch.inf)
            sums = sums.index_add(0, chunk, torch.einsum("nm,mv->nv", scores.exp(), v[keys]))
            norms = norms.index_add(0, chunk, scores.exp().sum(1, keepdim=True))
    return sums / norms


def gather_rows(x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
    """Return what `GatherRows` does to its arguments."""
    y: Tensor = GatherRows.apply(x, index, inverse)  # type: ignore[no-untyped-call]
    return y


class GatherRows(torch.autograd.Function):
    """Rows of x by index, each equally often, with a gradient that gathers too.

    Args:
        x: (items, rows, n).
        index: (items, copies * rows).
        inverse: for each row of x, one copy of x after the other, the position it was gathered to.

    Returns:
        (items, copies * rows, n).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        ctx.rows = x.shape[1]
        return select_rows(x, index)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        gradient = select_rows(gradients[0], ctx.saved_tensors[0])
        return torch.unflatten(gradient, 1, (-1, ctx.rows)).sum(1), None, None


def select_rows(x: Tensor, index: Tensor) -> Tensor:
    """Return the rows of x (items, rows, n) at `index` (items, count), copied whole: (items, count, n)."""
    first = torch.arange(len(x), device=x.device).unsqueeze(1) * x.shape[1]
    return x.flatten(0, 1).index_select(0, (index + first).flatten()).view(*index.shape, -1)
