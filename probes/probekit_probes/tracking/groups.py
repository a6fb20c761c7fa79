"""Finite groups as multiplication tables: row a, column b holds the number of ab, and 0 is the identity."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import permutations, product

import numpy as np

from probekit_probes.sequences import Bytes

Permutation = tuple[int, ...]
NAMES = ("z2", "z6", "s3", "z60", "a4xz5", "a5")


@cache
def group_table(name: str) -> Bytes:
    """Return the multiplication table of a group, (order, order) uint8.

    The groups of order 60 are the ladder of Merrill, Petty and Sabharwal, "The Illusion of State in
    State-Space Models", 2024: z60 is abelian, a4xz5 is solvable, a5 is not solvable.

    Args:
        name: z2, z6 or z60, sums modulo this number; s3, permutations of three; a5, even permutations of
            five; a4xz5, even permutations of four with sums modulo five.
    """
    if name[0] == "z":
        order = int(name[1:])
        return ((np.arange(order)[:, None] + np.arange(order)) % order).astype(np.uint8)
    if name == "a4xz5":
        elements = list(product(even_permutations(4), [(shift,) for shift in range(5)]))
        element_number = {element: number for number, element in enumerate(elements)}
        return np.array(
            [
                [element_number[compose_permutations(a, b), ((m[0] + n[0]) % 5,)] for b, n in elements]
                for a, m in elements
            ],
            np.uint8,
        )
    moves = list(permutations(range(3))) if name == "s3" else list(even_permutations(5))
    move_number = {move: number for number, move in enumerate(moves)}
    return np.array([[move_number[compose_permutations(a, b)] for b in moves] for a in moves], np.uint8)


def compose_permutations(first: Permutation, second: Permutation) -> Permutation:
    """Return the permutation that applies `first`, then `second`."""
    return tuple(second[index] for index in first)


def even_permutations(count: int) -> Iterator[Permutation]:
    """Yield the even permutations, the identity first."""
    for move in permutations(range(count)):
        swaps = sum(move[i] > move[j] for i in range(count) for j in range(i + 1, count))
        if swaps % 2 == 0:
            yield move


def commutator_cosets(name: str) -> Bytes:
    """Return the number of each element's coset of the commutator subgroup, (order,) uint8.

    A solver that ignores the order of moves can know this coset and nothing more.
    """
    products = group_table(name)
    order = len(products)
    inverse = products.argmin(1)
    subgroup = {
        int(products[products[a, b], products[inverse[a], inverse[b]]])
        for a in range(order)
        for b in range(order)
    }
    while (grown := subgroup | {int(products[a, b]) for a in subgroup for b in subgroup}) != subgroup:
        subgroup = grown
    coset_numbers = np.full(order, 255, np.uint8)
    for element in range(order):
        if coset_numbers[element] == 255:
            members = [int(products[element, factor]) for factor in subgroup]
            coset_numbers[members] = len(set(coset_numbers)) - 1
    return coset_numbers
