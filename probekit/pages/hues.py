"""Hues tell structures apart in a plot: one each, or, where they are too many for that, the best of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from probekit.cards.card import Cell
from probekit.scores.pictures import COLOURS


@dataclass(frozen=True, slots=True)
class Hues:
    """own: a colour each, by structure, in the order of a legend; others: how many share the last, grey."""

    own: dict[str, str]
    others: int = 0

    def of(self, structure: str) -> str:
        """Return the colour of a structure."""
        return self.own.get(structure, COLOURS[-1])

    @property
    def legend(self) -> Iterator[tuple[str, str]]:
        """Yield each colour with what it stands for."""
        yield from ((hue, name) for name, hue in self.own.items())
        if self.others:
            yield COLOURS[-1], f"the other {self.others}"


def throughout(names: Sequence[str]) -> dict[str, str]:
    """Return the colour that each structure of a card has throughout; none where they are too many."""
    return dict(zip(names, COLOURS, strict=False)) if len(names) <= len(COLOURS) else {}


def hues(names: Sequence[str], cells: Sequence[Cell]) -> Hues:
    """Return the colours of a column's cells; names: of all structures of the card, in its order.

    A structure has one colour throughout a card, unless there are more structures than colours.
    """
    if own := throughout(names):
        return Hues({cell.structure: own[cell.structure] for cell in cells})
    best = sorted(cells, key=lambda cell: inf if cell.headline.place is None else -cell.headline.place)
    own = dict(zip((cell.structure for cell in best), COLOURS[:-1], strict=False))
    return Hues(own, len(cells) - len(own))
