"""The oracle of state tracking: it multiplies permutation matrices, without the generator's tables."""

from __future__ import annotations

from itertools import permutations

import torch
from torch import Tensor


def group_matrices(group: str) -> Tensor:
    """Return a group's elements as permutation matrices, (order, side, side) float32, in their order."""
    if group == "a4xz5":
        pairs = [(a, b) for a in group_matrices("a4") for b in group_matrices("z5")]
        return torch.stack([torch.block_diag(a, b) for a, b in pairs])  # type: ignore[no-untyped-call]
    side = int(group[1:])
    if group[0] == "z":
        return torch.stack([torch.eye(side).roll(shift, 1) for shift in range(side)])
    moves = torch.stack([torch.eye(side)[:, list(move)].T for move in permutations(range(side))])
    return moves[torch.linalg.det(moves) > 0] if group[0] == "a" else moves


def track_states(moves: Tensor, group: str, memory: int = 0) -> Tensor:
    """Return the state after each move.

    It computes prefix products of the matrices, neighbouring pairs first (Hillis and Steele 1986).

    Args:
        moves: elements, (batch, length) int64; -1 keeps the state.
        group: name of the group.
        memory: number of last moves, a power of two, whose product is the state; 0 for all.

    Returns:
        States, (batch, length) int64.
    """
    elements = group_matrices(group)
    identity = torch.eye(elements.shape[1])
    products = torch.cat([elements, identity[None]])[moves.where(moves >= 0, len(elements))]
    step = 1
    while step < min(memory or products.shape[1], products.shape[1]):
        longer = products[:, :-step] @ products[:, step:]
        products = torch.cat([products[:, :step], longer], 1)
        step *= 2
    flat = elements.flatten(1)
    return (products.flatten(2) @ flat.T).argmax(2)
