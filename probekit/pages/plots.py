"""Plots are pictures small enough to lie within a page: curves as SVG, panels as PNG, both as text."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.plans.finite import LARGEST
from probekit.scores.pictures import appearance, banded, default_style, new_figure
from probekit.storage.along import Along, Point
from probekit.storage.curve import Points

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from torch import Tensor

INK, RULE = "#010203", "#040506"
"""Colours that stand for the page's own, so that a plot is read by day and by night."""
POINTS = 120
DECADE = 10
"""How many times the least loss the greatest must be for a scale of powers."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its address, what stands under it, and what it shows in words."""

    src: str
    caption: str
    alt: str


def curves(lines: Sequence[tuple[str, Points]], salt: str) -> str:
    """Draw learning curves as an SVG element: (step, loss) each, in its colour, the first lowest.

    salt: makes the names within the SVG its own in a page of several. No text but numbers and two words comes
    into it.
    """
    from matplotlib.ticker import LogLocator, NullLocator

    drawn = [(hue, thinned(points)) for hue, points in lines]
    with styled(salt):
        figure = new_figure(4.6, 2.7)
        axes = figure.subplots()
        for hue, points in drawn:
            axes.plot(*zip(*points, strict=True), color=hue, linewidth=1.1, alpha=0.85)
        losses = [loss for _, points in drawn for _, loss in points]
        if min(losses) > 0 and max(losses) > DECADE * min(losses):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("step")
        axes.set_ylabel("loss")
        axes.grid(linewidth=0.5)
        axes.set_axisbelow(True)
        return element(figure)


def climbs(lines: Sequence[tuple[str, Along]], salt: str) -> str:
    """Draw scores along an axis as an SVG element, a line a structure in its colour, the first lowest.

    Bands are 95 %, of a colour that one line alone has; dashed are closed-form controls, of the first. salt:
    as for `curves`.
    """
    with styled(salt):
        figure = new_figure(4.6, 2.7)
        axes = figure.subplots()
        first = lines[0][1]
        for points in first.controls.values():
            axes.plot(*middles(points), color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
        shared = Counter(hue for hue, _ in lines)
        for hue, found in lines:
            xs, ys = middles(found.points)
            axes.plot(xs, ys, "o-", color=hue, linewidth=1.2, markersize=2.5)
            ends = [(x, p.low, p.high) for x, p in zip(xs, found.points, strict=True)]
            known = [(x, low, high) for x, low, high in ends if low is not None and high is not None]
            if known and shared[hue] == 1:
                at, low, high = ([row[part] for row in known] for part in range(3))
                axes.fill_between(at, low, high, color=hue, alpha=0.15, linewidth=0)
        last = max(point.stop for _, found in lines for point in found.points)
        axes.set_xscale("symlog", linthresh=max(1.0, last / 64), base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(first.unit)
        axes.set_ylabel("score")
        axes.grid(linewidth=0.5)
        axes.set_axisbelow(True)
        return element(figure)


def middles(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return the middles of bins, and the means in them."""
    return [(point.start + point.stop) / 2 for point in points], [point.mean for point in points]


@contextmanager
def styled(salt: str) -> Iterator[None]:
    """Draw in the page's colours and letters; salt makes the names within an SVG its own."""
    style: dict[str, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": salt, "font.size": 8, "font.family": "sans-serif",
        "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
        "axes.edgecolor": RULE, "grid.color": RULE, "axes.spines.top": False, "axes.spines.right": False,
    }  # fmt: skip
    with default_style(style):
        yield


def element(figure: Figure) -> str:
    """Return a figure as an SVG element of a page."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return inlined(buffer.getvalue())


def thinned(points: Points) -> list[tuple[float, float]]:
    """Return at most 120 points, each the mean of those that it stands for; none is drawn beyond 1e100."""
    points = [(step, max(-LARGEST, min(loss, LARGEST))) for step, loss in points]
    each = -(-len(points) // POINTS)
    parts = [points[start : start + each] for start in range(0, len(points), each)]
    return [tuple(sum(axis) / len(part) for axis in zip(*part, strict=True)) for part in parts]


def inlined(text: str) -> str:
    """Return the SVG element of a document, in the page's colours and of the page's size."""
    text = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    hidden = r'\1 aria-hidden="true" focusable="false"'
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', hidden, text, count=1)
    return text.replace(INK, "currentColor").replace(RULE, "var(--rule)").strip()


def panel(values: Tensor, low: float = 0.0, high: float = 1.0) -> str:
    """Return what a tensor (channels, *size) looks like, numbers grey from low to high: a PNG address."""
    import numpy as np

    given = appearance(values)
    if given.shape[-1] == 1:
        given = (given[..., 0] - low) / ((high - low) or 1.0)
    return address((np.clip(np.nan_to_num(given), 0, 1) * 255).round().astype(np.uint8))


def deviation(error: Tensor, most: float) -> str:
    """Return an error (channels, *size) as the address of a PNG: blue below, white at zero, red above.

    Of several channels the greatest distance is drawn, in red.
    """
    values = error.detach().cpu().float()
    values = values if values.shape[0] == 1 else values.abs().amax(0, keepdim=True)
    return coloured(values[0].numpy() * (0.45 / (most or 1.0)) + 0.5, "RdBu_r")


def heat(field: Tensor, most: float) -> str:
    """Return a map (*size) of numbers from 0 as the address of a PNG: dark is none, light the most."""
    import numpy as np

    values = field.detach().cpu().float().numpy()
    return coloured(np.sqrt(np.nan_to_num(np.clip(values, 0, None)) / (most or 1.0)), "magma")


def decades(field: Tensor, low: float, high: float) -> str:
    """Return a map (*size) as the address of a PNG by powers of ten: dark up to low, light from high on."""
    import numpy as np

    values = np.clip(field.detach().cpu().float().numpy(), low, high)
    return coloured(np.nan_to_num(np.log(values / low) / np.log(high / low)), "magma")


def coloured(values: NDArray[Any], name: str) -> str:
    """Return values from 0 to 1, (*size), through a colour map."""
    import matplotlib as mpl
    import numpy as np

    if values.ndim == 1:
        values = banded(values[None, :, None])[..., 0]
    levels = (np.clip(values, 0, 1) * 255).round().astype(np.uint8)
    palette = (mpl.colormaps[name](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    return address(levels, palette)


def address(levels: NDArray[Any], palette: NDArray[Any] | None = None) -> str:
    """Return bytes (height, width[, 3]) as the data address of a PNG."""
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
