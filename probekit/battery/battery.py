"""The battery is the list of the solvers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.battery import features
from probekit.battery.constants import Mode, MostFrequentAnswer
from probekit.battery.features import PatchBag, join, past_offsets, square_offsets
from probekit.battery.in_item.codebook import Codebook, NearestCentroid, NearestNeighbour
from probekit.battery.in_item.regression import Regression, Waves
from probekit.battery.in_item.tree import Tree
from probekit.battery.learners import Forest, Table
from probekit.battery.lookups import LookUp
from probekit.battery.memory import ItemNumber, NearestItem
from probekit.battery.order import MachineAndSums, ModularSums, WindowMachine
from probekit.battery.readouts.checksum import Checksum, ItemSums
from probekit.battery.readouts.linear import LinearReadout
from probekit.battery.readouts.one_number import OnePosition, OneStatistic
from probekit.battery.readouts.two_positions import TwoPositions
from probekit.battery.solver import FeatureSolver, Solver
from probekit.battery.view import Rows, View

if TYPE_CHECKING:
    from torch import Tensor

RADII = (0, 1, 2, 3)
PAST = 7
"""Length of the window of last positions."""
PATCHES: dict[int, features.Offsets] = {1: square_offsets(1, 1), 2: [(0, 0), (0, 1), (1, 0), (1, 1)]}
"""The offsets of a patch by number of dimensions: three positions, or two by two."""
LOCAL, FAR = ("nonlocality", "memory", "connectedness"), ("order", "position", "binding")


def list_solvers() -> tuple[Solver, ...]:
    """Return new solvers, from those that see least to those that see most."""
    windows = [
        FeatureSolver(
            f"window of radius {radius}",
            f"It sees nothing outside its radius of {radius}.",
            LOCAL,
            Table(features.square_levels),
            WindowFeatures(radius),
            light=radius <= 1,
        )
        for radius in RADII
    ]
    past = [
        FeatureSolver(
            f"window of the last {PAST} positions",
            f"It sees nothing that lies more than {PAST - 1} positions back.",
            LOCAL,
            Table(range(PAST, 0, -1)),
            read_past,
            light=True,
        )
    ]
    return (
        FeatureSolver(
            "constant", "It does not see the input.", ("any property",), Table(), read_nothing, True
        ),
        Mode(),
        FeatureSolver(
            "position alone",
            "It knows where a position is, and nothing of the input.",
            ("any property",),
            Table(),
            features.read_coordinates,
            True,
        ),
        FeatureSolver(
            "position and length",
            "It knows the position and how much of the item is background.",
            ("any property",),
            Table(),
            features.read_length,
            True,
        ),
        ItemNumber(),
        OnePosition(),
        OneStatistic(),
        TwoPositions(),
        MostFrequentAnswer(),
        *windows,
        *past,
        WindowMachine(),
        FeatureSolver(
            "forest over a window of radius 3",
            "It sees nothing outside its radius of 3.",
            LOCAL,
            Forest(),
            read_wide_window,
        ),
        FeatureSolver(
            "column",
            "It sees one column of the map, of full height.",
            LOCAL,
            Table(),
            features.read_column,
            True,
        ),
        FeatureSolver(
            "forest over the whole item",
            "It reads each position at its absolute place, and compares none with another.",
            ("any property",),
            Forest(rows=10_000),
            features.read_item,
        ),
        LinearReadout(),
        FeatureSolver(
            "bag of tokens so far",
            "It counts what came so far, and knows no order.",
            FAR,
            Forest(),
            features.read_prefix_counts,
        ),
        FeatureSolver(
            "bag of tokens",
            "It counts, and knows no order and no place.",
            FAR,
            Forest(),
            features.read_counts,
        ),
        FeatureSolver(
            "bag of tokens by line",
            "It counts each line of a map, and knows no horizontal place.",
            FAR,
            Forest(),
            features.read_line_counts,
        ),
        FeatureSolver(
            "bag of patches", "It counts small patches, and knows no place.", FAR, Forest(), PatchBag(PATCHES)
        ),
        FeatureSolver(
            "set of columns",
            "It knows which columns a map holds, and not where.",
            FAR,
            Table((3, 2)),
            PatchBag(None, as_set=True),
            True,
        ),
        FeatureSolver(
            "window joined with bags",
            "It sees a window of radius 1 and counts the rest; it knows neither place nor order of the rest.",
            FAR,
            Forest(),
            JoinedFeatures(),
        ),
        FeatureSolver(
            "sums in any order, modulo 2, 3 and 5",
            "It adds up the tokens so far, and knows no order.",
            ("state tracking",),
            Table(),
            ModularSums(),
            True,
        ),
        MachineAndSums(),
        ItemSums(),
        Checksum(),
        *(Regression(degree) for degree in (1, 2, 3)),
        Waves(16),
        Tree(8),
        Tree(16),
        NearestCentroid(),
        NearestNeighbour(),
        Codebook(64),
        Codebook(512),
        LookUp(),
        LookUp(exclude=True),
        LookUp(steps=2),
        NearestItem(),
    )


def read_nothing(view: View, rows: Rows) -> Tensor:
    """Return no information about each row, (rows, 1)."""
    return rows[0][:, None] * 0


class WindowFeatures:
    """Describes a row by the symbols of its window.

    Args:
        radius: Radius of the window.
    """

    def __init__(self, radius: int) -> None:
        self.radius = radius

    def __call__(self, view: View, rows: Rows) -> Tensor:
        return features.read_window(view, rows, square_offsets(len(view.form.size), self.radius))


def read_past(view: View, rows: Rows) -> Tensor:
    """Return the symbols of each row and of those before it."""
    features.require_sequences(view)
    return features.read_window(view, rows, past_offsets(PAST))


def read_wide_window(view: View, rows: Rows) -> Tensor:
    """Return the symbols of a window of radius 3, or its channels if there are too many symbols."""
    offsets = square_offsets(len(view.form.size), 3)
    if view.form.codes is not None:
        return features.read_window(view, rows, offsets)
    channels = [features.read_offsets(channel, rows, offsets, -1) for channel in view.inputs.unbind(1)]
    return join(*channels)


class JoinedFeatures:
    """Describes a row by its window of radius 1, its coordinates, and the counts of tokens and patches."""

    def __init__(self) -> None:
        self.patches = PatchBag(PATCHES)

    def __call__(self, view: View, rows: Rows) -> Tensor:
        window = features.read_window(view, rows, square_offsets(len(view.form.size), 1))
        blocks = [window, features.read_coordinates(view, rows), features.read_counts(view, rows)]
        return join(*blocks, self.patches(view, rows))
