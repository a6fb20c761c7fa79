"""Drawing makes pictures of items: inputs beside truths, and what a network answered beside its errors."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
INCH = 1.7
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
    """Return the figure of a grid."""
    flat = all(isflat(panel) for strip in strips for panel in strip.panels)
    wide, tall = (2 * INCH, INCH / 3) if flat else (INCH, INCH)
    figure = new_figure(len(heads) * wide + 0.9, len(strips) * tall + 0.7)
    axes = figure.subplots(len(strips), len(heads), squeeze=False)
    panels = [(head, p) for strip in strips for head, p in zip(heads, strip.panels, strict=True)]
    grey = [p for head, p in panels if head not in signed and p.shape[0] != 3]
    low = min((float(p.min()) for p in grey), default=0.0)
    high = max((float(p.max()) for p in grey), default=1.0)
    for strip, row in zip(strips, axes, strict=True):
        for panel, head, ax in zip(strip.panels, heads, row, strict=True):
            show(ax, panel, low, high, signed=head in signed)
        upright = {"rotation": 0, "ha": "right", "va": "center"} if flat else {}
        row[0].set_ylabel(plain(strip.label), fontsize=8, **upright)
    for head, ax in zip(heads, axes[0], strict=True):
        ax.set_title(plain(head), fontsize=9)
    figure.suptitle(plain(title), fontsize=10)
    return figure


def show(ax: Axes, panel: Tensor, low: float, high: float, *, signed: bool) -> None:
    """Draw one panel: an image, or, where it has one dimension, a band."""
    if signed:
        values = panel.detach().cpu().float()
        furthest = values.abs().argmax(0, keepdim=True)
        shown = appearance(values.gather(0, furthest))
        most = max(float(abs(shown).max()), 1e-6)
        drawn: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
    else:
        shown = appearance(panel)
        drawn = {"cmap": "gray", "vmin": low, "vmax": high} if shown.shape[-1] == 1 else {}
    picture = shown[..., 0] if shown.shape[-1] == 1 else shown.clip(0, 1)
    image = ax.imshow(picture, interpolation="nearest", **drawn)
    ax.set_xticks([])
    ax.set_yticks([])
    if signed:
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04)
        bar.ax.tick_params(labelsize=6)


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


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, of no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes that are the same for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS, metadata={"Software": None})
    return buffer.getvalue()
