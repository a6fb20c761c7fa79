"""Pictures of items: inputs with their truth, and outputs with their errors."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from probekit.plain import make_plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from torch import Tensor

COLOURS = (
    "#3b7dd8", "#d9662b", "#27936a", "#b5479d", "#8a7a1f",
    "#7a6ad8", "#c94f4f", "#2f8fa3", "#94705a", "#7f8790",
)  # fmt: skip
"""One per structure; contrast is at least three to one on white and on near black."""
BAND_RATIO = 16
"""Width of a drawn sequence divided by its height."""
FLAT_RATIO = 8
"""Greatest width of a drawn image divided by its height."""
INCH = 1.4
"""Width and height of a panel."""
LABEL, GAP, RANGE, LINE = 1.25, 0.1, 0.65, 0.22
"""Inches: of row labels, between panels, of the range beside a signed panel, of a line of text."""
MAX_SIDE = 2048
"""Most positions of a side that a picture shows."""
DPI = 130


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row of a picture: its label, and one tensor (channels, *size) per column."""

    label: str
    panels: tuple[Tensor, ...]


def draw_grid(
    title: str, heads: Sequence[str], rows: Sequence[GridRow], signed: frozenset[str] = frozenset()
) -> bytes:
    """Draw rows of panels as one picture.

    Args:
        title: Text above the picture.
        heads: Text above each column.
        rows: The rows.
        signed: Heads of columns that hold differences. Each panel there has its own colour scale, white at
            zero, and shows of several channels the one furthest from zero. All other panels look as
            `appearance` returns them, with one grey scale for the whole picture.

    Returns:
        A PNG file.
    """
    with default_style():
        return encode_png(arrange_panels(title, heads, rows, signed))


def arrange_panels(
    title: str, heads: Sequence[str], rows: Sequence[GridRow], signed: frozenset[str]
) -> Figure:
    """Return the figure of a grid: one axes in inches, as one per panel takes many times longer to draw."""
    panels = [panel for row in rows for panel in row.panels]
    has_bands = all(map(is_flat, panels))
    cell_width, cell_height = (2 * INCH, INCH / 3) if has_bands else (INCH, INCH * choose_ratio(panels))
    lines = textwrap.wrap(make_plain(title), int(10 * (LABEL + len(heads) * cell_width))) or [""]
    top = LINE * (len(lines) + 1.6)
    widths = [cell_width + GAP + (RANGE if head in signed else 0.0) for head in heads]
    lefts = [LABEL + sum(widths[:column]) for column in range(len(heads))]
    figure = new_figure(LABEL + sum(widths), top + len(rows) * (cell_height + GAP), layout=None)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, figure.get_figwidth())
    axes.set_ylim(figure.get_figheight(), 0)
    axes.set_autoscale_on(False)
    axes.text(figure.get_figwidth() / 2, LINE / 2, "\n".join(lines), ha="center", va="top", fontsize=12)
    for left_x, head in zip(lefts, heads, strict=True):
        axes.text(
            left_x + cell_width / 2, top - LINE / 4, make_plain(head), ha="center", va="bottom", fontsize=12
        )
    limits = shared_limits(rows, heads, signed)
    for number, row in enumerate(rows):
        y = top + number * (cell_height + GAP)
        label = "\n".join(textwrap.wrap(make_plain(row.label), 14))
        axes.text(LABEL - GAP, y + cell_height / 2, label, ha="right", va="center", fontsize=11)
        for left_x, head, panel in zip(lefts, heads, row.panels, strict=True):
            box = (left_x, y, cell_width, cell_height)
            draw_panel(axes, box, panel, None if head in signed else limits)
    return figure


def choose_ratio(panels: Sequence[Tensor]) -> float:
    """Return the height of a cell divided by its width: of the highest panel, from a third to 1."""
    return min(1.0, max([1 / 3, *(p.shape[1] / p.shape[2] if p.ndim == 3 else 1.0 for p in panels)]))


def shared_limits(
    rows: Sequence[GridRow], heads: Sequence[str], signed: frozenset[str]
) -> tuple[float, float]:
    """Return the least and the greatest number of all panels that are drawn in greys."""
    panels = [(head, panel) for row in rows for head, panel in zip(heads, row.panels, strict=True)]
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
        image = to_image(values.gather(0, values.abs().argmax(0, keepdim=True)))
        largest = float(abs(image).max())
        limit = max(largest, 1e-6)
        style: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    else:
        image = to_image(panel)
        style = {"cmap": "gray", "vmin": limits[0], "vmax": limits[1]} if image.shape[-1] == 1 else {}
    left_x, top, width, height = box
    pixel = min(width / image.shape[1], height / image.shape[0])
    half_height, half_width = (pixel * side / 2 for side in image.shape[:2])
    x, y = left_x + width / 2, top + height / 2
    extent = (x - half_width, x + half_width, y + half_height, y - half_height)
    pixels = image[..., 0] if image.shape[-1] == 1 else image.clip(0, 1)
    axes.imshow(pixels, interpolation="nearest", aspect="auto", extent=extent, **style)
    left, right, bottom, upper = extent
    frame = [left, right, right, left, left], [bottom, bottom, upper, upper, bottom]
    axes.plot(*frame, color="#7f8790", linewidth=0.6)
    if limits is None:
        axes.text(right + GAP / 2, y, f"±{largest:.2g}" if largest else "0", va="center", fontsize=10)


def to_image(values: Tensor) -> NDArray[Any]:
    """Convert a tensor to an image.

    Three channels are RGB. One-hot channels are classes, with a colour each. A 1-D tensor is drawn as bands:
    one per three channels, or one per channel if their number is not divisible by three. Of a 2-D tensor with
    any other number of channels the first is shown, of a 3-D one its middle slice. Long sides are subsampled,
    and the pixels of a very wide image are drawn higher than wide.

    Args:
        values: (channels, *size).

    Returns:
        (height, width, 3) colours, or (height, width, 1) numbers.
    """
    import numpy as np

    step = max(1, -(-max(values.shape[1:], default=1) // MAX_SIDE))
    sampled = values[(slice(None), *[slice(None, None, step)] * (values.ndim - 1))] if step > 1 else values
    array = sampled.detach().cpu().float().numpy()
    array = array.reshape(array.shape or (1,))  # a number is a vector of one
    array = array[:, None] if array.ndim == 1 else array  # a vector is one position with that many channels
    while array.ndim > 3:
        array = array[:, array.shape[1] // 2]  # the middle slice of a volume
    if array.ndim == 2:
        per_band = len(array) if is_one_hot(array) else 3 if len(array) % 3 == 0 else 1
        bands = np.split(array, len(array) // per_band)
        return stretch_bands(np.stack([paint_classes(b) if is_one_hot(b) else b.T for b in bands]))
    if len(array) == 3:
        return stretch_flat(np.moveaxis(array, 0, -1))
    return stretch_flat(paint_classes(array) if is_one_hot(array) else array[0][..., None])


def is_one_hot(channels: NDArray[Any]) -> bool:
    """Tell whether at most one of several channels, (channels, *size), is set at each position."""
    one_hot = ((channels == 0) | (channels == 1)).all() and (channels.sum(0) <= 1).all()
    return len(channels) > 1 and bool(one_hot)


def paint_classes(channels: NDArray[Any]) -> NDArray[Any]:
    """Return one-hot channels (channels, *size) as colours (*size, 3); black where no channel is set."""
    import numpy as np

    palette = [
        [int(class_colour(index)[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        for index in range(len(channels))
    ]
    return np.tensordot(channels, np.array(palette, dtype=channels.dtype), axes=(0, 0))


def stretch_bands(rows: NDArray[Any]) -> NDArray[Any]:
    """Repeat rows (bands, length, channels) so that each band is a sixteenth as high as it is long."""
    return rows.repeat(max(1, rows.shape[1] // BAND_RATIO), axis=0)


def stretch_flat(image: NDArray[Any]) -> NDArray[Any]:
    """Repeat the rows of an image (height, width, channels) that is less than an eighth as high as wide."""
    return image.repeat(max(1, image.shape[1] // (FLAT_RATIO * image.shape[0])), axis=0)


def is_flat(panel: Tensor) -> bool:
    """Tell whether the image of a tensor (channels, *size) is much wider than high, or one pixel."""
    return panel.ndim <= 2 or (panel.ndim == 3 and panel.shape[2] >= FLAT_RATIO * panel.shape[1])


def class_colour(index: int) -> str:
    """Return the colour of a class."""
    return COLOURS[index % len(COLOURS)]


@contextmanager
def default_style(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw with matplotlib's defaults, whatever a plugin or a settings file changed.

    Text is drawn literally: `$`, `_`, `^` and `\\` in a name are not mathematics. Create and save the figure
    inside.

    Args:
        changes: rcParams that differ from the defaults.
    """
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # matplotlib draws a box instead
        mpl.rcdefaults()
        mpl.rcParams.update({"text.parse_math": False})
        mpl.rcParams.update(dict[Any, Any](changes or {}))
        yield


def new_figure(width: float, height: float, layout: Literal["constrained"] | None = "constrained") -> Figure:
    """Return an empty figure, sizes in inches, with no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def encode_png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes, equal for equal figures."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
