"""Pictures: the photographs in scikit-image's wheel, in grey, at four zooms. Nothing is downloaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from probekit.plugin.errors import ProbekitError, UsageError

CONTENTS = {
    "astronaut": "7605af19ba2b9758",
    "brick": "7e395499d8653129",
    "camera": "4c25d57d0fcec8b2",
    "cell": "6f0c737a45cdbe8c",
    "chelsea": "2a48da897e30584d",
    "clock_motion": "c20224d28006b791",
    "coffee": "013a8175a6f60538",
    "coins": "6f62becaf20fd036",
    "grass": "6ea9585c91a3dce4",
    "gravel": "19089ac41f508026",
    "ihc": "d5e9af0ebdb1dc92",
}
"""The files by name, and the first digits of the sha256 of their size and pixels. All are without loss, so
every decoder reads the same pixels. docs/photographs.md has the licences."""
ZOOMS = (1, 2, 4, 8)
LUMA = np.array([299, 587, 114])
"""Weights of red, green and blue in grey, in thousandths (ITU-R BT.601)."""


@dataclass(frozen=True)
class Planes:
    """All pictures at all zooms, one after the other.

    Attributes:
        pixels: grey values below 2^18, (all pixels,) int64.
        starts: the first pixel of each plane, (planes,).
        heights: rows of each plane, (planes,).
        widths: columns of each plane, (planes,).
    """

    pixels: NDArray[np.int64]
    starts: NDArray[np.int64]
    heights: NDArray[np.int64]
    widths: NDArray[np.int64]


def check_extra(request: str) -> None:
    """Check that scikit-image is installed.

    Raises:
        UsageError: it is missing.
    """
    if find_spec("skimage") is None:
        raise UsageError(request, "scikit-image is not installed", 'Type pip install "probekit-nn[scenes]".')


def read_picture(name: str) -> NDArray[np.int64]:
    """Read a picture in grey, (height, width), in thousandths of a step of 8 bits.

    Raises:
        ProbekitError: its pixels differ from those that the data of this version contain.
    """
    from PIL import Image

    with (files("skimage") / "data" / f"{name}.png").open("rb") as file, Image.open(file) as image:
        pixels = np.asarray(image)
    digits = hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()[:16]
    if digits != CONTENTS[name]:
        raise ProbekitError(
            f"the photograph {name} of scikit-image",
            f"its pixels hash to {digits}, and scenes was made with {CONTENTS[name]}",
            'Type pip install "scikit-image==0.26.0".',
        )
    levels = pixels.astype(np.int64)
    grey: NDArray[np.int64] = levels[..., :3] @ LUMA if levels.ndim == 3 else levels * LUMA.sum()
    return grey


def shrink_picture(grey: NDArray[np.int64], zoom: int) -> NDArray[np.int64]:
    """Return the means of squares of `zoom` by `zoom` pixels, rounded down."""
    height, width = grey.shape[0] // zoom, grey.shape[1] // zoom
    squares = grey[: height * zoom, : width * zoom].reshape(height, zoom, width, zoom)
    means: NDArray[np.int64] = squares.sum(axis=(1, 3)) // zoom**2
    return means


@cache
def load_planes() -> Planes:
    """Read all pictures, once per process."""
    pictures = [read_picture(name) for name in CONTENTS]
    planes = [shrink_picture(grey, zoom) for grey in pictures for zoom in ZOOMS]
    sizes = np.array([plane.shape for plane in planes], np.int64)
    starts = np.cumsum([0, *(plane.size for plane in planes[:-1])])
    return Planes(np.concatenate([plane.ravel() for plane in planes]), starts, sizes[:, 0], sizes[:, 1])
