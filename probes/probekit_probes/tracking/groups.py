"""Groups are given by their tables: row a, column b holds the number of ab, and 0 is the unit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import permutations, product

import numpy as np

from probekit_probes.words import Bytes

Permutation = tuple[int, ...]
NAMES = ("z2", "z6", "s3", "z60", "a4xz5", "a5")


@cache
def table(name: str) -> Bytes:
    """Return the table of a group, (order, order) uint8.

    z2, z6, z60: sums modulo these; s3, a5: permutations of three, and the even ones of five; a4xz5: even
    permutations of four beside sums modulo five. Of order 60 the last three are abelian, solvable and not
    solvable: the ladder of Merrill, Petty and Sabharwal, "The Illusion of State in State-Space Models", 2024.
    """
    if name[0] == "z":
        order = int(name[1:])
        return ((np.arange(order)[:, None] + np.arange(order)) % order).astype(np.uint8)
    if name == "a4xz5":
        elements = list(product(even(4), [(shift,) for shift in range(5)]))
        place = {element: number for number, element in enumerate(elements)}
        return np.array(
            [[place[after(a, b), ((m[0] + n[0]) % 5,)] for b, n in elements] for a, m in elements],
            np.uint8,
        )
    moves = list(permutations(range(3))) if name == "s3" else list(even(5))
    number = {move: place for place, move in enumerate(moves)}
    return np.array([[number[after(one, other)] for other in moves] for one in moves], np.uint8)


def after(one: Permutation, other: Permutation) -> Permutation:
    """Return the permutation that does `one`, then `other`."""
    return tuple(other[place] for place in one)


def even(count: int) -> Iterator[Permutation]:
    """Yield the even permutations, the unit first."""
    for move in permutations(range(count)):
        swaps = sum(move[i] > move[j] for i in range(count) for j in range(i + 1, count))
        if swaps % 2 == 0:
            yield move


def cosets(name: str) -> Bytes:
    """Return for each element the number of its coset of the commutator subgroup, (order,) uint8: all that an
    answer can know that does not look at the order of moves."""
    of = table(name)
    order = len(of)
    inverse = of.argmin(1)
    inside = {int(of[of[a, b], of[inverse[a], inverse[b]]]) for a in range(order) for b in range(order)}
    while (grown := inside | {int(of[a, b]) for a in inside for b in inside}) != inside:
        inside = grown
    found = np.full(order, 255, np.uint8)
    for element in range(order):
        if found[element] == 255:
            found[[int(of[element, one]) for one in inside]] = len(set(found)) - 1
    return found
