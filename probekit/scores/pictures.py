"""Drawing makes pictures of items: inputs beside truths, and what a network answered beside its errors."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from probekit.plain import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from torch import Tensor

COLOURS = (
    "#3b7dd8", "#d9662b", "#27936a", "#b5479d", "#8a7a1f",
    "#7a6ad8", "#c94f4f", "#2f8fa3", "#94705a", "#7f8790",
)  # fmt: skip
"""One a structure: at least three to one against white and against near black."""
BAND = 16
"""How many times as long as high a sequence is drawn."""
FLAT = 8
"""How many times as long as high a frame is drawn at the most."""
INCH = 1.4
"""Width and height of a panel."""
LABEL, GAP, RANGE, LINE = 1.25, 0.1, 0.5, 0.22
"""Inches: of row labels, between panels, of the range beside a signed panel, of a line of text."""
SIDE = 2048
"""Positions of a side that a picture shows at the most."""
DOTS = 130


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of a picture: what it shows, and tensors (channels, *size) under the columns' heads."""

    label: str
    panels: tuple[Tensor, ...]


def grid(
    title: str, heads: Sequence[str], strips: Sequence[Strip], signed: frozenset[str] = frozenset()
) -> bytes:
    """Draw strips as the rows of one picture, PNG bytes.

    Panels look as `appearance` says, numbers in greys on one scale for the whole picture; those under a head
    named in `signed` on one of their own, white at zero, of several channels the one that is furthest off.
    """
    with default_style():
        return png(arrange(title, heads, strips, signed))


def arrange(title: str, heads: Sequence[str], strips: Sequence[Strip], signed: frozenset[str]) -> Figure:
    """Return the figure of a grid: one axes in inches, as one per panel takes many times longer to draw."""
    is_flat = all(isflat(panel) for strip in strips for panel in strip.panels)
    cell_width, cell_height = (2 * INCH, INCH / 3) if is_flat else (INCH, INCH)
    lines = textwrap.wrap(plain(title), int(10 * (LABEL + len(heads) * cell_width))) or [""]
    top = LINE * (len(lines) + 1.6)
    widths = [cell_width + GAP + (RANGE if head in signed else 0.0) for head in heads]
    lefts = [LABEL + sum(widths[:column]) for column in range(len(heads))]
    figure = new_figure(LABEL + sum(widths), top + len(strips) * (cell_height + GAP), layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, figure.get_figwidth())
    axes.set_ylim(figure.get_figheight(), 0)
    axes.set_autoscale_on(False)
    axes.text(figure.get_figwidth() / 2, LINE / 2, "\n".join(lines), ha="center", va="top", fontsize=12)
    for left, head in zip(lefts, heads, strict=True):
        axes.text(left + cell_width / 2, top - LINE / 4, plain(head), ha="center", va="bottom", fontsize=12)
    limits = shared_limits(strips, heads, signed)
    for row, strip in enumerate(strips):
        y = top + row * (cell_height + GAP)
        label = "\n".join(textwrap.wrap(plain(strip.label), 14))
        axes.text(LABEL - GAP, y + cell_height / 2, label, ha="right", va="center", fontsize=11)
        for left, head, panel in zip(lefts, heads, strip.panels, strict=True):
            box = (left, y, cell_width, cell_height)
            draw_panel(axes, box, panel, None if head in signed else limits)
    return figure


def shared_limits(
    strips: Sequence[Strip], heads: Sequence[str], signed: frozenset[str]
) -> tuple[float, float]:
    """Return the least and the greatest number of all panels that are drawn in greys."""
    panels = [(head, p) for strip in strips for head, p in zip(heads, strip.panels, strict=True)]
    greys = [panel for head, panel in panels if head not in signed and panel.shape[0] != 3]
    low = min((float(panel.min()) for panel in greys), default=0.0)
    return low, max((float(panel.max()) for panel in greys), default=1.0)


def draw_panel(
    axes: Axes, box: tuple[float, float, float, float], panel: Tensor, limits: tuple[float, float] | None
) -> None:
    """Draw one panel into a box (left, top, width, height), keeping its pixels square.

    Args:
        limits: the numbers that are black and white; None for a signed panel, white at zero, whose range is
            written beside it.
    """
    if limits is None:
        values = panel.detach().cpu().float()
        shown = appearance(values.gather(0, values.abs().argmax(0, keepdim=True)))
        most = max(float(abs(shown).max()), 1e-6)
        style: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    else:
        shown = appearance(panel)
        style = {"cmap": "gray", "vmin": limits[0], "vmax": limits[1]} if shown.shape[-1] == 1 else {}
    left, top, width, height = box
    pixel = min(width / shown.shape[1], height / shown.shape[0])
    half_width, half_height = pixel * shown.shape[1] / 2, pixel * shown.shape[0] / 2
    x, y = left + width / 2, top + height / 2
    extent = (x - half_width, x + half_width, y + half_height, y - half_height)
    pixels = shown[..., 0] if shown.shape[-1] == 1 else shown.clip(0, 1)
    axes.imshow(pixels, interpolation="nearest", aspect="auto", extent=extent, **style)
    frame = (
        [extent[0], extent[1], extent[1], extent[0], extent[0]],
        [extent[2]] * 2 + [extent[3]] * 2 + [extent[2]],
    )
    axes.plot(*frame, color="#7f8790", linewidth=0.6)
    if limits is None:
        axes.text(extent[1] + GAP / 2, y, f"±{most:.2g}", ha="left", va="center", fontsize=10)


def appearance(values: Tensor) -> NDArray[Any]:
    """Return what a tensor (channels, *size) looks like: (height, width, 3) colours, or 1 number a place.

    Three channels are colours; channels of which each position has one at most are classes, and have a
    colour each. Of 1-D tensors each three channels, or each one where they are no threes, are a band; of 2-D
    ones with another number of channels the first is shown, and of a frame that is longer than high by far
    each pixel is drawn higher than wide. Of a long side every second position is left out, or more, as a
    picture has no room for them.
    """
    import numpy as np

    step = max(1, -(-max(values.shape[1:], default=1) // SIDE))
    shown = values[(slice(None), *[slice(None, None, step)] * (values.ndim - 1))] if step > 1 else values
    given = shown.detach().cpu().float().numpy()
    given = given.reshape(given.shape or (1,))  # a number is a vector of one
    given = given[:, None] if given.ndim == 1 else given  # a vector is a place with so many channels
    while given.ndim > 3:
        given = given[:, given.shape[1] // 2]  # of a volume the middle slice
    if given.ndim == 2:
        each = len(given) if classes(given) else 3 if len(given) % 3 == 0 else 1
        parts = np.split(given, len(given) // each)
        return banded(np.stack([painted(part) if classes(part) else part.T for part in parts]))
    if len(given) == 3:
        return stretched(np.moveaxis(given, 0, -1))
    return stretched(painted(given) if classes(given) else given[0][..., None])


def classes(part: NDArray[Any]) -> bool:
    """Tell whether of several channels (channels, *size) each position has one at most."""
    ones = ((part == 0) | (part == 1)).all() and (part.sum(0) <= 1).all()
    return len(part) > 1 and bool(ones)


def painted(part: NDArray[Any]) -> NDArray[Any]:
    """Return classes (channels, *size) in colours, (*size, 3); black is none."""
    import numpy as np

    palette = [[int(colour(place)[at : at + 2], 16) / 255 for at in (1, 3, 5)] for place in range(len(part))]
    return np.tensordot(part, np.array(palette, dtype=part.dtype), axes=(0, 0))


def banded(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows (bands, length, channels) as a picture in which each is a sixteenth as high as long."""
    return rows.repeat(max(1, rows.shape[1] // BAND), axis=0)


def stretched(picture: NDArray[Any]) -> NDArray[Any]:
    """Return a picture (height, width, channels) that is an eighth as high as wide at the least."""
    return picture.repeat(max(1, picture.shape[1] // (FLAT * picture.shape[0])), axis=0)


def isflat(panel: Tensor) -> bool:
    """Tell whether what is drawn of a tensor (channels, *size) is much wider than high."""
    return panel.ndim == 2 or (panel.ndim == 3 and panel.shape[2] >= FLAT * panel.shape[1])


def colour(place: int) -> str:
    """Return the colour of the structure at a place."""
    return COLOURS[place % len(COLOURS)]


@contextmanager
def default_style(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw by matplotlib's own defaults, whatever a plugin or a settings file made of them.

    Texts are drawn sign by sign: `$`, `_`, `^` and `\\` in a name are no mathematics. A figure is made and
    saved within.

    Args:
        changes: rcParams that are to differ from the defaults.
    """
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a box is drawn in its place
        mpl.rcdefaults()
        mpl.rcParams.update({"text.parse_math": False})
        mpl.rcParams.update(dict[Any, Any](changes or {}))
        yield


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return an empty figure of so many inches, of no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes that are the same for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS, metadata={"Software": None})
    return buffer.getvalue()
