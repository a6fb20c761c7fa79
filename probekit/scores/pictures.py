"""Pictures of items: inputs with their truth, and outputs with their errors."""

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
"""One per structure; contrast is at least three to one on white and on near black."""
BAND_RATIO = 16
"""Width of a drawn sequence divided by its height."""
FLAT_RATIO = 8
"""Greatest width of a drawn image divided by its height."""
INCH = 1.7
MAX_SIDE = 2048
"""Most positions of a side that a picture shows."""
DPI = 130


@dataclass(frozen=True, slots=True)
class Strip:
    """One row of a picture: its label, and one tensor (channels, *size) per column."""

    label: str
    panels: tuple[Tensor, ...]


def grid(
    title: str, heads: Sequence[str], rows: Sequence[Strip], signed: frozenset[str] = frozenset()
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


def arrange_panels(title: str, heads: Sequence[str], rows: Sequence[Strip], signed: frozenset[str]) -> Figure:
    """Return the figure of a grid."""
    flat = all(isflat(panel) for row in rows for panel in row.panels)
    panel_width, panel_height = (2 * INCH, INCH / 3) if flat else (INCH, INCH)
    figure = new_figure(len(heads) * panel_width + 0.9, len(rows) * panel_height + 0.7)
    all_axes = figure.subplots(len(rows), len(heads), squeeze=False)
    panels = [(head, panel) for row in rows for head, panel in zip(heads, row.panels, strict=True)]
    grey = [panel for head, panel in panels if head not in signed and panel.shape[0] != 3]
    low = min((float(panel.min()) for panel in grey), default=0.0)
    high = max((float(panel.max()) for panel in grey), default=1.0)
    for row, row_axes in zip(rows, all_axes, strict=True):
        for panel, head, axes in zip(row.panels, heads, row_axes, strict=True):
            show_panel(axes, panel, low, high, signed=head in signed)
        upright = {"rotation": 0, "ha": "right", "va": "center"} if flat else {}
        row_axes[0].set_ylabel(plain(row.label), fontsize=8, **upright)
    for head, axes in zip(heads, all_axes[0], strict=True):
        axes.set_title(plain(head), fontsize=9)
    figure.suptitle(plain(title), fontsize=10)
    return figure


def show_panel(axes: Axes, panel: Tensor, low: float, high: float, *, signed: bool) -> None:
    """Draw one panel as an image, or as a band if it has one dimension."""
    if signed:
        values = panel.detach().cpu().float()
        furthest = values.abs().argmax(0, keepdim=True)
        image = appearance(values.gather(0, furthest))
        limit = max(float(abs(image).max()), 1e-6)
        style: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    else:
        image = appearance(panel)
        style = {"cmap": "gray", "vmin": low, "vmax": high} if image.shape[-1] == 1 else {}
    picture = image[..., 0] if image.shape[-1] == 1 else image.clip(0, 1)
    artist = axes.imshow(picture, interpolation="nearest", **style)
    axes.set_xticks([])
    axes.set_yticks([])
    if signed:
        bar = axes.figure.colorbar(artist, ax=axes, fraction=0.046, pad=0.04)
        bar.ax.tick_params(labelsize=6)


def appearance(values: Tensor) -> NDArray[Any]:
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


def isflat(panel: Tensor) -> bool:
    """Tell whether the image of a tensor (channels, *size) is much wider than high."""
    return panel.ndim == 2 or (panel.ndim == 3 and panel.shape[2] >= FLAT_RATIO * panel.shape[1])


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


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches, with no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def encode_png(figure: Figure) -> bytes:
    """Return a figure as PNG bytes, equal for equal figures."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
