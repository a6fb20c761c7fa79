"""Cost is drawn beside quality: the place of each structure against what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from probekit.cards.card import Cell, Column
from probekit.pages.hues import Hues
from probekit.pages.plots import INK, RULE, element, styled
from probekit.pages.strip import HIGH, LOW
from probekit.scores.pictures import new_figure

AXES: dict[str, Callable[[Cell], float | None]] = {
    "parameters": lambda cell: cell.parameters,
    "FLOPs of an item": lambda cell: cell.flops,
    "seconds of training": lambda cell: cell.seconds,
}


def costs(column: Column, numbers: dict[str, int], told: Hues, salt: str) -> Iterator[str]:
    """Yield an SVG element an axis: a column's places against a cost, each point numbered as its structure.

    numbers: by structure, from 1. told: the column's colours. salt: makes the names within the SVG its own in
    a page of several.
    """
    known = [(cell, cell.headline.place) for cell in column.cells]
    placed = [(cell, at) for cell, at in known if at is not None]
    for name, cost in AXES.items():
        points = [
            (numbers[cell.structure], told.of(cell.structure), value, at)
            for cell, at in placed
            if (value := cost(cell))
        ]
        if points:
            yield scatter(points, name, f"{salt}{name}")


def scatter(points: list[tuple[int, str, float, float]], name: str, salt: str) -> str:
    """Draw (number, colour, cost, place) as an SVG element; below the axis a point lies on its lower end."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    with styled(salt):
        figure = new_figure(2.5, 2.1)
        axes = figure.subplots()
        for number, hue, cost, at in points:
            drawn = max(LOW, min(at, HIGH))
            axes.plot([cost], [drawn], "o", color=hue, markersize=4.5)
            axes.annotate(
                str(number), (cost, drawn), (3, 3), textcoords="offset points", fontsize=7, color=INK
            )
        axes.set_ylim(LOW, HIGH + 0.07)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xlim(0, 1.15 * max(cost for _, _, cost, _ in points))
        axes.set_yticks([0, 0.5, 1])
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_formatter(short)
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.set_xlabel(name)
        axes.grid(linewidth=0.5, color=RULE)
        axes.set_axisbelow(True)
        return element(figure)


def short(value: float, _: float) -> str:
    """Return a number of an axis in few signs."""
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{sign}"
    return f"{value:g}"
