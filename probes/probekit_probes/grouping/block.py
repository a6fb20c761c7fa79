"""A block of items of grouping, as it is drawn and kept."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVELS = 256
Bytes = NDArray[np.uint8]


class Assignments(NamedTuple):
    """A block of items.

    Attributes:
        palette: RGB levels, (items, colours, 3).
        codes: code of each colour, (items, colours).
        colour: colour of each position, (items, size).
        masked: positions that hide their code, (items, size) bool.
    """

    palette: Bytes
    codes: Bytes
    colour: Bytes
    masked: NDArray[np.bool_]
