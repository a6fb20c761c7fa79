"""Colours of structures in plots: one per structure, or, if they are too many, one for each of the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from probekit.cards.cell import Cell
from probekit.scores.pictures import COLOURS


@dataclass(frozen=True, slots=True)
class ColumnColours:
    """The colours of a column.

    Attributes:
        by_structure: Colours by structure, in the order of a legend.
        grey: How many structures share grey.
    """

    by_structure: dict[str, str]
    grey: int = 0

    def colour_of(self, structure: str) -> str:
        """Return the colour of a structure."""
        return self.by_structure.get(structure, COLOURS[-1])

    @property
    def legend(self) -> Iterator[tuple[str, str]]:
        """Pairs of a colour and what it stands for."""
        yield from ((colour, name) for name, colour in self.by_structure.items())
        if self.grey:
            yield COLOURS[-1], f"{self.grey} others"


def assign_colours(names: Sequence[str]) -> dict[str, str]:
    """Return the colour of each structure of a card, or none if there are more structures than colours."""
    return dict(zip(names, COLOURS, strict=False)) if len(names) <= len(COLOURS) else {}


def column_colours(names: Sequence[str], cells: Sequence[Cell]) -> ColumnColours:
    """Return the colours of a column's cells.

    A structure has the same colour in all columns, unless there are more structures than colours.

    Args:
        names: All structures of the card, in its order.
        cells: The cells of the column.
    """
    if colours := assign_colours(names):
        return ColumnColours({cell.structure: colours[cell.structure] for cell in cells})
    best = sorted(cells, key=lambda cell: inf if cell.headline.place is None else -cell.headline.place)
    colours = dict(zip((cell.structure for cell in best), COLOURS[:-1], strict=False))
    return ColumnColours(colours, len(cells) - len(colours))
