"""Solvers of scikit-learn for `attacks.py`: trees on features of a position, and the nearest training items.

They share no code with probekit's battery. Features are read from the inputs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch

Array = NDArray[Any]
Places = tuple[Array, ...]
FindPlaces = Callable[[Array], Places]
ReadFeatures = Callable[[Array, Places], Array]


@dataclass
class Attack:
    """A solver that lacks a property.

    Attributes:
        name: what it is.
        lacks: what it lacks, in a sentence.
        borderline: why it can be said to have a part of the property; "" if it has none.
    """

    name: str
    lacks: str
    borderline: str = ""

    def fit(self, dataset: Dataset) -> None:
        """Learn from the training split; rules learn nothing."""

    def __call__(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass
class Trees(Attack):
    """Trees of scikit-learn on features of one position at a time.

    Attributes:
        find: the positions to answer, from inputs (items, channels, *size): indices of items and positions.
        read: their features, (rows, columns).
        forest: a forest instead of boosted trees.
        items: number of training items.
        rows: greatest number of training positions.
        rounds: rounds of boosting; a quarter of them for more than eight classes.
        swap: changes answers before fitting, and back again afterwards, from inputs and answers.
    """

    find: FindPlaces = lambda inputs: np.nonzero(inputs.any(1))
    read: ReadFeatures = lambda inputs, places: np.zeros((len(places[0]), 1))
    forest: bool = False
    items: int = 4096
    rows: int = 30_000
    rounds: int = 60
    swap: Callable[[Tensor, Tensor], Tensor] = lambda inputs, answers: answers

    def fit(self, dataset: Dataset) -> None:
        batch = read_batch(dataset, range(min(self.items, len(dataset))))
        inputs, targets = batch[0].numpy(), self.swap(*batch).numpy()
        places = self.find(inputs)
        is_answered = np.moveaxis(targets, 1, -1)[places].any(1)
        places = tuple(index[is_answered] for index in places)
        draw = np.random.default_rng(0).permutation(len(places[0]))[: self.rows]
        places = tuple(index[draw] for index in places)
        answers = np.moveaxis(targets, 1, -1)[places]
        self.is_class = answers.shape[1] > 1
        self.levels, labels = np.unique(answers.argmax(1) if self.is_class else answers, return_inverse=True)
        rounds = self.rounds if len(self.levels) <= 8 else self.rounds // 4
        boosted = HistGradientBoostingClassifier(max_iter=rounds, random_state=0)
        forest = ExtraTreesClassifier(30, min_samples_leaf=20, random_state=0)
        self.model = (forest if self.forest else boosted).fit(self.read(inputs, places), labels.ravel())

    def __call__(self, inputs: Tensor) -> Tensor:
        values = inputs.numpy()
        places = self.find(values)
        chances = np.zeros((len(places[0]), len(self.levels)))
        for start in range(0, len(chances), self.rows):
            block = tuple(index[start : start + self.rows] for index in places)
            chances[start : start + self.rows] = self.model.predict_proba(self.read(values, block))
        if self.is_class:
            outputs = np.zeros((len(values), int(self.levels.max()) + 1, *values.shape[2:]), np.float32)
            np.moveaxis(outputs, 1, -1)[(*places, self.levels[chances.argmax(1)])] = 1
            return self.swap(inputs, torch.from_numpy(outputs))
        # the median is the answer of least absolute error; for two levels, the chance of the upper one
        median = self.levels[np.minimum((chances.cumsum(1) < 0.5).sum(1), len(self.levels) - 1)]
        outputs = np.zeros((len(values), 1, *values.shape[2:]), np.float32)
        outputs[(places[0], 0, *places[1:])] = chances[:, -1] if len(self.levels) == 2 else median
        return torch.from_numpy(outputs)


@dataclass
class Neighbours(Attack):
    """The mean answer of the five training items that are nearest as a whole."""

    items: int = 8192

    def fit(self, dataset: Dataset) -> None:
        inputs, self.targets = read_batch(dataset, range(min(self.items, len(dataset))))
        self.index = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(inputs.flatten(1).numpy())

    def __call__(self, inputs: Tensor) -> Tensor:
        nearest = self.index.kneighbors(inputs.flatten(1).numpy(), return_distance=False)
        return self.targets[torch.from_numpy(nearest)].mean(1)


def list_general(find: FindPlaces, radius: int = 3, counts_have: str = "") -> list[Attack]:
    """Return the attacks that need to know nothing of a probe except the positions that count."""
    return [
        Trees(
            "boosted trees: window, position and counts",
            f"It sees {radius} positions around its own, and of the rest only counts.",
            counts_have,
            find=find,
            read=lambda inputs, places: read_surroundings(inputs, places, radius),
        ),
        Trees(
            "extra trees on the whole item",
            "It compares no two positions with each other.",
            find=find,
            read=read_item,
            forest=True,
            rows=10_000,
        ),
        Neighbours("nearest five training items", "It knows training items by heart."),
    ]


def read_surroundings(inputs: Array, places: Places, radius: int) -> Array:
    """Return a window, the position, and counts of the item, of the past or of the own row and column."""
    item, *position = places
    counts = inputs.reshape(*inputs.shape[:2], -1).sum(2)
    columns = [read_window(to_numbers(inputs), places, radius), np.stack(position, 1), counts[item]]
    if len(position) == 1:
        columns.append(np.moveaxis(inputs.cumsum(2), 1, -1)[places])
    else:
        columns += [inputs.sum(3)[item, :, position[0]], inputs.sum(2)[item, :, position[1]]]
    return np.concatenate(columns, 1).astype(np.float32)


def read_window(numbers: Array, places: Places, radius: int) -> Array:
    """Return the numbers around each place, -1 outside, (rows, channels * window)."""
    item, *position = places
    rim = [(0, 0), (0, 0), *[(radius, radius)] * len(position)]
    padded = np.moveaxis(np.pad(numbers, rim, constant_values=-1), 1, -1)
    offsets = np.stack(np.meshgrid(*[np.arange(2 * radius + 1)] * len(position), indexing="ij"), -1)
    offsets = offsets.reshape(-1, len(position))
    index = tuple(where[:, None] + offsets[:, axis] for axis, where in enumerate(position))
    window: Array = padded[(item[:, None], *index)].reshape(len(item), -1)
    return window


def read_item(inputs: Array, places: Places) -> Array:
    """Return the whole item, and the position."""
    item, *position = places
    numbers = to_numbers(inputs)
    return np.concatenate([numbers.reshape(len(numbers), -1)[item], np.stack(position, 1)], 1)


def to_numbers(inputs: Array) -> Array:
    """Return the tokens of one-hot inputs, (items, 1, *size); other inputs as they are."""
    is_tokens = inputs.shape[1] > 1 and bool((inputs.sum(1) == 1).all())
    return inputs.argmax(1)[:, None].astype(np.float32) if is_tokens else inputs


def spread_sides(curve: Array, start: tuple[int, int]) -> Array:
    """Return which pixels lie on the side of a start pixel, from the picture alone.

    Two open pixels side by side are on one side of the curve; two with a curve pixel between them are not.

    Args:
        curve: (items, height, width) bool.
        start: row and column.

    Returns:
        1 for the same side, -1 for the other side, 0 on the curve, (items, height, width) int8.
    """
    count, height, width = curve.shape
    sides = np.zeros((count, height + 4, width + 4), np.int8)
    walls = np.pad(curve, ((0, 0), (2, 2), (2, 2))).astype(np.int8)
    sides[:, start[0] + 2, start[1] + 2] = 1
    inner = sides[:, 2:-2, 2:-2]
    for _ in range(height * width):
        votes = np.zeros(curve.shape, np.int8)
        for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            near, far = (
                np.s_[:, 2 + n * down : 2 + n * down + height, 2 + n * right : 2 + n * right + width]
                for n in (1, 2)
            )
            votes += sides[near] - sides[far] * walls[near]
        new = np.sign(votes) * (~curve & (inner == 0))
        if not new.any():
            break
        inner += new.astype(np.int8)
    return inner


def read_sides(inputs: Array, places: Places, radius: int) -> Array:
    """Return which pixels of a window lie on the side of its centre, and the position."""
    curve = read_window(inputs[:, 1:], places, radius) == 1
    side = 2 * radius + 1
    sides = spread_sides(curve.reshape(-1, side, side), (radius, radius)).reshape(len(curve), -1)
    return np.concatenate([sides, sides.sum(1, keepdims=True), np.stack(places[1:], 1)], 1)


def swap_sides(inputs: Tensor, answers: Tensor, margin: int = 7) -> Tensor:
    """Swap inside and outside in the inverted pictures of `insideness`, which the curve's height shows.

    Args:
        inputs: pictures, (items, 2, size, size).
        answers: sides, (items, 2, size, size).
        margin: a curve is inverted if it is less than this lower than its picture.
    """
    lines = inputs[:, 1].any(2).int()
    height = lines.shape[1] - lines.argmax(1) - lines.flip(1).argmax(1)
    is_inverted = height > lines.shape[1] - margin
    return torch.where(is_inverted[:, None, None, None], answers.flip(1), answers)
