"""Drawing makes pictures of items: inputs beside truths, and what a network answered beside its errors."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

INCH = 1.7
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

    Panels of three channels are shown in colour, others by their first channel on one scale for the whole
    picture; those under a head named in `signed` on one of their own, white at zero.
    """
    figure = new_figure(len(heads) * INCH + 0.9, len(strips) * INCH + 0.7)
    axes = figure.subplots(len(strips), len(heads), squeeze=False)
    panels = [(head, p) for strip in strips for head, p in zip(heads, strip.panels, strict=True)]
    plain = [p for head, p in panels if head not in signed and p.shape[0] != 3]
    low = min((float(p.min()) for p in plain), default=0.0)
    high = max((float(p.max()) for p in plain), default=1.0)
    for strip, row in zip(strips, axes, strict=True):
        for panel, head, ax in zip(strip.panels, heads, row, strict=True):
            show(ax, panel, low, high, signed=head in signed)
        row[0].set_ylabel(strip.label, fontsize=8)
    for head, ax in zip(heads, axes[0], strict=True):
        ax.set_title(head, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return png(figure)


def show(ax: Axes, panel: Tensor, low: float, high: float, *, signed: bool) -> None:
    """Draw one panel: an image, or, where it has one dimension, a band."""
    values = panel.detach().cpu().float()
    if values.ndim == 2:
        values = values[:, None, :].expand(-1, max(1, values.shape[-1] // 8), -1)
    if signed:
        most = max(float(values.abs().max()), 1e-6)
        drawn: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
        picture = values[0].numpy()
    elif values.shape[0] == 3:
        drawn, picture = {}, values.permute(1, 2, 0).clamp(0, 1).numpy()
    else:
        drawn, picture = {"cmap": "gray", "vmin": low, "vmax": high}, values[0].numpy()
    image = ax.imshow(picture, interpolation="nearest", **drawn)
    ax.set_xticks([])
    ax.set_yticks([])
    if signed:
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.046, pad=0.04)
        bar.ax.tick_params(labelsize=6)


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
