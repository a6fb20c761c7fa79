"""Plots are pictures small enough for a page: curves as SVG, panels as PNG, both as text."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.plans.finite import MAX_MAGNITUDE
from probekit.scores.pictures import default_style, new_figure, stretch_bands, to_image
from probekit.storage.difficulty_curve import CurveBin, DifficultyCurve
from probekit.storage.loss_curve import LossPoints

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from torch import Tensor

INK, RULE = "#010203", "#040506"
"""Placeholders for the page's own colours, so that a plot is readable in light and dark mode."""
MAX_POINTS = 120
DECADE = 10
"""Ratio of the greatest to the least loss above which the axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its address, its caption, and its description for those who do not see it."""

    src: str
    caption: str
    alt: str


def draw_loss_curves(lines: Sequence[tuple[str, LossPoints]], salt: str) -> str:
    """Draw loss curves.

    Args:
        lines: Pairs (colour, [(step, loss), ...]), the first at the bottom.
        salt: Makes the identifiers in the SVG unique on a page.

    Returns:
        An SVG element. Its only text is numbers and the labels of the axes.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    thinned_lines = [(colour, thin_points(points)) for colour, points in lines]
    with plot_style(salt):
        figure = new_figure(4.6, 2.7)
        axes = figure.subplots()
        for colour, points in thinned_lines:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.1, alpha=0.85)
        losses = [loss for _, points in thinned_lines for _, loss in points]
        if min(losses) > 0 and max(losses) > DECADE * min(losses):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        axes.grid(linewidth=0.5)
        axes.set_axisbelow(True)
        return to_svg(figure)


def draw_difficulty_curves(lines: Sequence[tuple[str, DifficultyCurve]], salt: str) -> str:
    """Draw difficulty curves, one line per structure.

    Bands are 95 % intervals, drawn for a line whose colour no other line has. Dashed lines are the
    closed-form controls of the first curve.

    Args:
        lines: Pairs (colour, curve), the first at the bottom.
        salt: Makes the identifiers in the SVG unique on a page.

    Returns:
        An SVG element.
    """
    with plot_style(salt):
        figure = new_figure(4.6, 2.7)
        axes = figure.subplots()
        first = lines[0][1]
        for points in first.controls.values():
            axes.plot(*bin_centres(points), color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        shared = Counter(colour for colour, _ in lines)
        for colour, curve in lines:
            xs, ys = bin_centres(curve.points)
            axes.plot(xs, ys, "o-", color=colour, linewidth=1.2, markersize=2.5)
            ends = [(x, point.low, point.high) for x, point in zip(xs, curve.points, strict=True)]
            band = [(x, low, high) for x, low, high in ends if low is not None and high is not None]
            if band and shared[colour] == 1:
                band_xs, lows, highs = ([row[part] for row in band] for part in range(3))
                axes.fill_between(band_xs, lows, highs, color=colour, alpha=0.15, linewidth=0)
        last = max(point.stop for _, curve in lines for point in curve.points)
        axes.set_xscale("symlog", linthresh=max(1.0, last / 64), base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(first.unit)
        axes.set_ylabel("score")
        axes.grid(linewidth=0.5)
        axes.set_axisbelow(True)
        return to_svg(figure)


def bin_centres(points: Sequence[CurveBin]) -> tuple[list[float], list[float]]:
    """Return the centres of bins, and the means in them."""
    return [(point.start + point.stop) / 2 for point in points], [point.mean for point in points]


@contextmanager
def plot_style(salt: str) -> Iterator[None]:
    """Draw in the page's colours and letters; salt makes the identifiers in an SVG unique on a page."""
    style: dict[str, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 8, "font.family": "sans-serif",
        "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.edgecolor": RULE, "grid.color": RULE, "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with default_style(style):
        yield


def to_svg(figure: Figure) -> str:
    """Return a figure as an SVG element of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inline_svg(buffer.getvalue())


def thin_points(points: LossPoints) -> list[tuple[float, float]]:
    """Return at most 120 points, each the mean of a run of points, clipped to ±1e100."""
    points = [(step, max(-MAX_MAGNITUDE, min(loss, MAX_MAGNITUDE))) for step, loss in points]
    size = -(-len(points) // MAX_POINTS)
    chunks = [points[start : start + size] for start in range(0, len(points), size)]
    return [tuple(sum(axis) / len(chunk) for axis in zip(*chunk, strict=True)) for chunk in chunks]


def inline_svg(text: str) -> str:
    """Return the SVG element of a document, in the page's colours and of the page's size."""
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    hidden = r'\1 aria-hidden="true" focusable="false"'
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', hidden, text, count=1)
    return text.replace(INK, "currentColor").replace(RULE, "var(--rule)").strip()


def render_panel(values: Tensor, low: float = 0.0, high: float = 1.0) -> str:
    """Return a tensor (channels, *size) as a PNG data address, numbers in grey from low to high."""
    import numpy as np

    image = to_image(values)
    if image.shape[-1] == 1:
        image = (image[..., 0] - low) / ((high - low) or 1.0)
    return encode_levels((np.clip(np.nan_to_num(image), 0, 1) * 255).round().astype(np.uint8))


def render_error(error: Tensor, most: float) -> str:
    """Return an error (channels, *size) as a PNG data address: blue below zero, white at zero, red above.

    A pooled error is (channels,). Of several channels the greatest absolute error is drawn, in red.
    """
    values = error.detach().cpu().float()
    values = values if values.shape[0] == 1 else values.abs().amax(0, keepdim=True)
    values = values[..., None] if values.ndim == 1 else values  # a pooled answer is one position
    return apply_colormap(values[0].numpy() * (0.45 / (most or 1.0)) + 0.5, "RdBu_r")


def render_heatmap(field: Tensor, most: float) -> str:
    """Return a map (*size) of numbers from 0 to `most` as a PNG data address: dark is 0, light is most."""
    import numpy as np

    values = field.detach().cpu().float().numpy()
    return apply_colormap(np.sqrt(np.nan_to_num(np.clip(values, 0, None)) / (most or 1.0)), "magma")


def render_log_heatmap(field: Tensor, low: float, high: float) -> str:
    """Return a map (*size) on a logarithmic scale as a PNG data address: dark up to low, light from high."""
    import numpy as np

    values = np.clip(field.detach().cpu().float().numpy(), low, high)
    return apply_colormap(np.nan_to_num(np.log(values / low) / np.log(high / low)), "magma")


def apply_colormap(values: NDArray[Any], name: str) -> str:
    """Return values from 0 to 1, (*size), through a colour map, as a PNG data address."""
    import matplotlib as mpl
    import numpy as np

    if values.ndim == 1:
        values = stretch_bands(values[None, :, None])[..., 0]
    levels = (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
    palette = (mpl.colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    return encode_levels(levels, palette)


def encode_levels(levels: NDArray[Any], palette: NDArray[Any] | None = None) -> str:
    """Return bytes (height, width[, 3]) as a PNG data address."""
    from PIL import Image

    picture = Image.fromarray(levels)
    if palette is not None:
        picture = picture.convert("L")
        picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return png_address(buffer.getvalue())


def png_address(content: bytes) -> str:
    """Return a PNG file as a data address."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
