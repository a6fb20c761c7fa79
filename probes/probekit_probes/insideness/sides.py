"""A control of insideness that follows no corridor: it counts what a window shows of the two sides."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch
from probekit_probes.insideness.oracle import count_crossings

FIT_ITEMS, FIT_ROWS = 2048, 70_000
"""Greatest numbers of training items and pixels that the regression is fitted on."""
STEPS = 40
"""How many steps a corridor is followed inside a window."""
PENALTY = 10.0
"""Of the squared weights (ridge regression); features have unit variance."""
INVERTED_MARGIN = 7
"""A curve is inverted exactly if its box is less than this smaller than the image."""

Pixels = tuple[Tensor, Tensor, Tensor]
"""The item, the row and the column of each pixel, (pixels,) int64 each."""


def is_inverted(inputs: Tensor) -> Tensor:
    """Return in which images the curve encloses what is not in the tree, (batch,) bool."""
    height = (inputs[:, 1] > 0).any(2).int()
    first, last = height.argmax(1), height.shape[1] - height.flip(1).argmax(1)
    return last - first > inputs.shape[-1] - INVERTED_MARGIN


class SidesInWindow:
    """Regresses the answer on counts of a window in which each pixel is on the side of the centre or not.

    It is told which of the two curves of a tree it sees, and where the window lies. It lacks all that lies
    outside the window. Within a window, two pixels are on one side exactly if a straight way between them
    crosses the curve an even number of times (Jordan), so it can compare sides, and cannot know them. The
    features are counts of pixels, dead ends, corridors and junctions on either side, and the ways out of the
    window; the regression also has their squares and products.

    Args:
        middle: rows and columns whose answers count.
        radius: how far the window reaches, in pixels.
    """

    def __init__(self, middle: slice, radius: int) -> None:
        self.middle, self.radius = middle, radius

    def fit(self, dataset: Dataset) -> None:
        """Solve the least squares of the answers on the features."""
        inputs, _ = read_batch(dataset, range(min(FIT_ITEMS, len(dataset))))
        pixels = self.find_pixels(inputs)
        step = -(-len(pixels[0]) // FIT_ROWS)
        item, row, column = pixels = tuple(index[::step] for index in pixels)  # type: ignore[assignment]
        features = self.read_features(inputs, pixels)
        self.centre, self.scale = features.mean(0), features.std(0).clamp(min=1e-6)
        features = (features - self.centre) / self.scale
        labels = sign_sides(inputs)[item, row, column] * sign_curves(inputs)[item]
        gram = (features.mT @ features).double() + PENALTY * torch.eye(features.shape[1])
        self.offset = labels.mean()
        self.weights = torch.linalg.solve(gram, (features.mT @ (labels - self.offset)).double()).float()

    def __call__(self, inputs: Tensor) -> Tensor:
        item, row, column = pixels = self.find_pixels(inputs)
        features = (self.read_features(inputs, pixels) - self.centre) / self.scale
        sides = torch.zeros_like(inputs[:, 0])
        sides[item, row, column] = (features @ self.weights + self.offset) * sign_curves(inputs)[item]
        return torch.stack([-sides, sides], 1)

    def find_pixels(self, inputs: Tensor) -> Pixels:
        """Return the open pixels in the middle."""
        item, row, column = inputs[:, 0, self.middle, self.middle].nonzero(as_tuple=True)
        return item, row + (self.middle.start or 0), column + (self.middle.start or 0)

    def read_features(self, inputs: Tensor, pixels: Pixels) -> Tensor:
        """Return counts of each pixel's window, its place, and their products, (pixels, features)."""
        _, row, column = pixels
        counts = count_sides(read_windows(sign_sides(inputs), pixels, self.radius))
        middle = (inputs.shape[-1] - 1) / 2
        columns = torch.cat([counts, row[:, None] - middle, column[:, None] - middle], 1)
        first, second = torch.triu_indices(columns.shape[1], columns.shape[1])
        return torch.cat([columns, columns[:, first] * columns[:, second]], 1)


def sign_sides(inputs: Tensor) -> Tensor:
    """Return 1 for inside, -1 for outside and 0 on the curve, (batch, size, size) float32.

    The signs of two pixels of one window may be compared, because the window shows whether they agree.
    """
    return (2 * (count_crossings(inputs) % 2) - 1) * inputs[:, 0]


def sign_curves(inputs: Tensor) -> Tensor:
    """Return -1 for inverted images and 1 for the others, (batch,) float32."""
    return 1 - 2 * is_inverted(inputs).float()


def read_windows(sides: Tensor, pixels: Pixels, radius: int) -> Tensor:
    """Return which pixels around each pixel are on its side, (pixels, window, window) int8.

    1 is the same side, -1 the other one, 0 the curve and what lies outside the image.
    """
    item, row, column = pixels
    padded = functional.pad(sides, (radius,) * 4)
    reach = torch.arange(2 * radius + 1)
    windows = padded[item[:, None, None], row[:, None, None] + reach[:, None], column[:, None, None] + reach]
    return (windows * sides[item, row, column][:, None, None]).to(torch.int8)


def count_sides(windows: Tensor) -> Tensor:
    """Count pixels by side and number of open neighbours, and ways out, (pixels, counts) float32.

    Args:
        windows: of `read_windows`.
    """
    is_open = windows != 0
    neighbours = sum_neighbours(is_open.to(torch.int8))
    whole = torch.zeros_like(is_open[0])
    whole[1:-1, 1:-1] = True  # the neighbours of the others may lie outside the window
    corridor = follow_corridors(is_open)
    masks = [windows == side for side in (1, -1)]
    masks += [(mask & whole & (neighbours == count)) for mask in masks for count in (1, 2, 3, 4)]
    masks += [corridor, corridor & ~whole, corridor & whole & (neighbours == 1)]
    exits = [corridor[:, 0], corridor[:, -1], corridor[:, :, 0], corridor[:, :, -1]]
    rim = torch.cat([windows[:, 0, :-1], windows[:, :-1, -1], windows[:, -1].flip(1)[:, :-1]], 1)
    rim = torch.cat([rim, windows[:, :, 0].flip(1)[:, :-1]], 1)
    runs = [(rim == side) & (rim.roll(-1, 1) != side) for side in (1, -1)]
    return torch.stack([part.flatten(1).sum(1).float() for part in (*masks, *exits, *runs)], 1)


def follow_corridors(is_open: Tensor) -> Tensor:
    """Return the pixels that are connected with the centre within a window, (pixels, window, window) bool."""
    centre = is_open.shape[-1] // 2
    corridor = torch.zeros_like(is_open)
    corridor[:, centre, centre] = True
    active = torch.arange(len(is_open))
    for _ in range(STEPS):
        before = corridor[active]
        after = (sum_neighbours(before.to(torch.int8)) > 0) & is_open[active] | before
        corridor[active] = after
        active = active[(after != before).flatten(1).any(1)]
        if not len(active):
            break
    return corridor


def sum_neighbours(values: Tensor) -> Tensor:
    """Return the sum of the values above, below, left and right, (pixels, window, window) int8."""
    total = torch.zeros_like(values)
    total[:, 1:] += values[:, :-1]
    total[:, :-1] += values[:, 1:]
    total[:, :, 1:] += values[:, :, :-1]
    total[:, :, :-1] += values[:, :, 1:]
    return total
