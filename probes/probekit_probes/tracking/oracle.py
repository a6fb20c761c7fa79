"""The oracle multiplies permutation matrices; it knows no table and no generator."""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor


def matrices(group: str) -> Tensor:
    """Return a group's elements as permutation matrices, (order, side, side) float32, in their order."""
    if group == "a4xz5":
        both = [(a, b) for a in matrices("a4") for b in matrices("z5")]
        return torch.stack([torch.block_diag(a, b) for a, b in both])  # type: ignore[no-untyped-call]
    side = int(group[1:])
    if group[0] == "z":
        return torch.stack([torch.eye(side).roll(shift, 1) for shift in range(side)])
    moves = torch.stack([torch.eye(side)[:, list(move)].T for move in permutations(range(side))])
    return moves[torch.linalg.det(moves) > 0] if group[0] == "a" else moves


def states(moves: Tensor, group: str) -> Tensor:
    """Return the state after each move, (batch, length) int64, of moves (batch, length) int64; -1 stays.

    By prefix products of the matrices, each pair of neighbours first (Hillis and Steele 1986).
    """
    known = matrices(group)
    unit = torch.eye(known.shape[1])
    reached = torch.cat([known, unit[None]])[moves.where(moves >= 0, len(known))]
    step = 1
    while step < reached.shape[1]:
        ahead = reached[:, :-step] @ reached[:, step:]
        reached = torch.cat([reached[:, :step], ahead], 1)
        step *= 2
    flat = known.flatten(1)
    return (reached.flatten(2) @ flat.T).argmax(2)
