"""Plots of the normalised score of each structure against its cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from probekit.cards.card import Column
from probekit.cards.cell import Cell
from probekit.pages.colours import ColumnColours
from probekit.pages.plots import INK, RULE, plot_style, to_svg
from probekit.pages.strip import HIGH, LOW
from probekit.scores.pictures import new_figure

AXES: dict[str, Callable[[Cell], float | None]] = {
    "parameters": lambda cell: cell.parameters,
    "FLOPs per item": lambda cell: cell.flops,
    "training time in seconds": lambda cell: cell.seconds,
}
DRAWABLE = 1e18
"""A cost from here on is none that a machine can pay: it comes from a damaged file, and is not drawn."""


def draw_costs(column: Column, numbers: dict[str, int], colours: ColumnColours, salt: str) -> Iterator[str]:
    """Yield an SVG element per cost: normalised scores against it, each point numbered as its structure.

    Args:
        column: The column.
        numbers: Numbers by structure, from 1.
        colours: The column's colours.
        salt: Makes the identifiers in the SVG unique on a page.
    """
    scores = [(cell, cell.headline.place) for cell in column.cells]
    scored = [(cell, score) for cell, score in scores if score is not None]
    for name, cost_of in AXES.items():
        points = [
            (numbers[cell.structure], colours.colour_of(cell.structure), cost, score)
            for cell, score in scored
            if 0 < (cost := cost_of(cell) or 0) < DRAWABLE
        ]
        if points:
            yield draw_scatter(points, name, f"{salt}{name}")


def draw_scatter(points: list[tuple[int, str, float, float]], name: str, salt: str) -> str:
    """Draw (number, colour, cost, score) as an SVG element; a score below the axis lies on its lower end."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    with plot_style(salt):
        figure = new_figure(2.5, 2.1)
        axes = figure.subplots()
        for number, colour, cost, score in points:
            y = max(LOW, min(score, HIGH))
            axes.plot([cost], [y], "o", color=colour, markersize=4.5)
            axes.annotate(str(number), (cost, y), (3, 3), textcoords="offset points", fontsize=7, color=INK)
        axes.set_ylim(LOW, HIGH + 0.07)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set_xlim(0, 1.15 * max(cost for _, _, cost, _ in points))
        axes.set_yticks([0, 0.5, 1])
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_formatter(format_tick)
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.set_xlabel(name)
        axes.grid(linewidth=0.5, color=RULE)
        axes.set_axisbelow(True)
        return to_svg(figure)


def format_tick(value: float, _: float) -> str:
    """Return the label of a tick, with a unit of k, M or G."""
    for unit, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{sign}"
    return f"{value:g}"
