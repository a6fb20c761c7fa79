"""Planted probes: each has one shortcut, which one solver of the battery is made for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from probekit.plugin import masked
from probekit.plugin.interfaces import Metric, Probe, Shape
from probekit.plugin.items import Items

TRAIN, TEST = 400, 150
Array = NDArray[Any]
Draw = Callable[[np.random.Generator, int], tuple[Array, Array, Array | None]]
"""Draws items: tokens (items, *size) or channels (items, channels, *size), classes, and a mask or None."""


@dataclass
class PlantedProbe(Probe):
    """A probe of given items; `shuffled` replaces every answer by a random one."""

    draw: Draw
    classes: int
    shuffled: bool = False
    solved_by: Mapping[str, str] = field(default_factory=dict)
    loss = oracle = controls = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.splits = {"train": self.draw_split(0, TRAIN), "test": self.draw_split(1, TEST)}
        inputs = self.splits["train"][0]
        self.shape = Shape(inputs.shape[1], self.classes, tuple(inputs.shape[2:]))
        self.metrics: tuple[Metric, ...] = (masked.make_accuracy(1 / self.classes),)

    def draw_split(self, seed: int, count: int) -> tuple[Tensor, Tensor]:
        """Return inputs and one-hot targets."""
        tokens, classes, mask = self.draw(np.random.default_rng(seed), count)
        if self.shuffled:
            classes = np.random.default_rng(seed + 10).integers(self.classes, size=classes.shape)
        if tokens.dtype.kind == "f":
            inputs = torch.tensor(tokens, dtype=torch.float32)
        else:
            inputs = torch.nn.functional.one_hot(torch.tensor(tokens), SYMBOLS).movedim(-1, 1).float()
        targets = torch.nn.functional.one_hot(torch.tensor(classes), self.classes).movedim(-1, 1).float()
        if mask is not None:
            targets = targets * torch.tensor(mask)[:, None]
        return inputs, targets

    def data(self, split: str, seed: int) -> Items:
        inputs, targets = self.splits[split]
        return Items(len(inputs), lambda index: (inputs[index], targets[index]))


SYMBOLS = 8
LENGTH = 16


def tokens_of(
    random: np.random.Generator, count: int, symbols: int, size: tuple[int, ...] = (LENGTH,)
) -> Array:
    return random.integers(symbols, size=(count, *size))


def everywhere(answers: Array, tokens: Array) -> Array:
    """Give each position the answer of its item."""
    return np.broadcast_to(answers.reshape(-1, *[1] * (tokens.ndim - 1)), tokens.shape).copy()


def shift(tokens: Array, step: int) -> Array:
    """Move tokens along a sequence, with zeros at its end."""
    moved = np.zeros_like(tokens)
    length = tokens.shape[1]
    moved[:, max(0, -step) : length - max(0, step)] = tokens[:, max(0, step) : length - max(0, -step)]
    return moved


def draw_window(radius: int) -> Draw:
    def draw(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
        tokens = tokens_of(random, count, 2)
        return tokens, (shift(tokens, radius) + shift(tokens, -radius) + (tokens if radius else 0)) % 2, None

    return draw if radius else lambda random, count: (tokens := tokens_of(random, count, 2), tokens, None)


def draw_item(answer: Callable[[Array], Array], symbols: int = 3, size: tuple[int, ...] = (LENGTH,)) -> Draw:
    """Draw items whose positions all have an answer computed from the whole item."""

    def draw(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
        tokens = tokens_of(random, count, symbols, size)
        return tokens, everywhere(answer(tokens).astype(int), tokens), None

    return draw


def draw_positions(
    answer: Callable[[Array], Array], symbols: int = 3, size: tuple[int, ...] = (LENGTH,)
) -> Draw:
    """Draw items whose positions have an answer each."""

    def draw(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
        tokens = tokens_of(random, count, symbols, size)
        return tokens, answer(tokens).astype(int), None

    return draw


def draw_lengths(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
    length = random.integers(1, LENGTH, size=(count, 1))
    tokens = np.where(np.arange(LENGTH) < length, 1 + tokens_of(random, count, 3), 0)
    return tokens, everywhere(length[:, 0] % 2, tokens), None


def draw_numbers(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
    tokens = tokens_of(random, count, 3)
    return tokens, everywhere(np.arange(count) % 4, tokens), None


def draw_modes(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
    answers = random.integers(4, size=count)
    tokens = np.concatenate([np.tile(np.arange(4), (count, 2)), answers[:, None].repeat(LENGTH - 8, 1)], 1)
    tokens = 1 + random.permuted(tokens[:, : LENGTH - 4], axis=1)
    tokens = np.concatenate([tokens * (random.random(tokens.shape) < 0.8), np.zeros((count, 4), int)], 1)
    counts = (tokens[:, :, None] == np.arange(1, 5)).sum(1)
    mask = np.zeros(tokens.shape, bool)
    mask[:, -1] = True
    return tokens, everywhere(counts.argmax(1), tokens), mask


def draw_channels(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
    channels = random.random((count, 1, LENGTH)) - 0.5
    return channels, (shift(channels[:, 0], 3) > 0).astype(int), None


def draw_faint(pattern: Array, noise: float) -> Draw:
    """Draw noise to which a pattern (channels, positions) is added or not, by the answer of the item."""

    def draw(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
        answers = random.integers(2, size=count)
        channels = noise * random.random((count, *pattern.shape)) + answers[:, None, None] * pattern
        return channels, everywhere(answers, channels[:, 0]), None

    return draw


def draw_columns(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
    palette = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]])
    kinds = np.where(random.random((count, 1)) < 0.5, 3, 4)
    tokens = palette[random.integers(kinds, size=(count, 12))].transpose(0, 2, 1)
    return tokens, everywhere(tokens.all(1).any(1).astype(int), tokens), None


def draw_coloured(colour: Callable[[np.random.Generator, int], tuple[Array, Array]], classes: int) -> Draw:
    """Draw positions with three numbers and a class; half of them show the class as one-hot channels."""

    def draw(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
        features, labels = colour(random, count)
        is_shown = random.random(labels.shape) < 0.5
        shown = (labels[:, None] == np.arange(classes)[:, None]) * is_shown[:, None]
        return np.concatenate([features.transpose(0, 2, 1), shown.astype(float)], 1), labels, ~is_shown

    return draw


def colour_polynomial(degree: int) -> Callable[[np.random.Generator, int], tuple[Array, Array]]:
    def colour(random: np.random.Generator, count: int) -> tuple[Array, Array]:
        band = random.integers(degree + 1, size=(count, 96))
        first = (band + 0.4 + 0.2 * random.random(band.shape)) / (degree + 1)
        features = np.stack([first, random.random(band.shape), random.random(band.shape)], 2)
        return features, (band + random.integers(2, size=(count, 1))) % 2

    return colour


def colour_clusters(random: np.random.Generator, count: int) -> tuple[Array, Array]:
    labels = random.integers(3, size=(count, 96))
    centres = np.eye(3)[random.permuted(np.tile(np.arange(3), (count, 1)), axis=1)]
    return np.take_along_axis(centres, labels[..., None], 1) + 0.1 * random.random((count, 96, 3)), labels


def colour_cells(levels: int) -> Callable[[np.random.Generator, int], tuple[Array, Array]]:
    def colour(random: np.random.Generator, count: int) -> tuple[Array, Array]:
        palette = random.integers(levels, size=(count, 6, 3))
        codes = np.tile(np.arange(6) % 3, (count, 1))
        for index in range(5, 0, -1):  # equal cells get the code of the first
            same = (palette[:, index : index + 1] == palette[:, :index]).all(2)
            codes[:, index] = np.where(same.any(1), codes[np.arange(count), same.argmax(1)], codes[:, index])
        chosen = random.integers(6, size=(count, 96))
        cells = np.take_along_axis(palette, chosen[..., None], 1)
        jitter = 0.1 + 0.8 * random.random(cells.shape)
        return (cells + jitter) / levels, np.take_along_axis(codes, chosen, 1)

    return colour


def colour_palette(random: np.random.Generator, count: int) -> tuple[Array, Array]:
    palette, codes = random.random((count, 8, 3)), random.integers(3, size=(count, 8))
    chosen = random.integers(8, size=(count, 96))
    return np.take_along_axis(palette, chosen[..., None], 1), np.take_along_axis(codes, chosen, 1)


def colour_boxes(random: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Cut each item into four boxes, at other heights in each item, with a gap around each cut."""
    above = random.integers(2, size=(count, 96, 2))
    cuts = random.uniform(0.2, 0.8, size=(count, 1, 2))
    first = (cuts - 0.05) * random.random(above.shape)
    second = cuts + 0.05 + (0.95 - cuts) * random.random(above.shape)
    features = np.concatenate([np.where(above, second, first), random.random((count, 96, 1))], 2)
    return features, (above * [2, 1]).sum(2)


def draw_pairs(hops: int, exclude: bool = False) -> Draw:
    """Draw a cycle of three tokens as pairs, then one of them; the answer is a number of hops ahead."""

    def draw(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
        nodes = 3 if exclude else 5
        cycle = random.permuted(np.tile(np.arange(6), (count, 1)), axis=1)[:, :nodes]
        order = random.permuted(np.tile(np.arange(nodes), (count, 1)), axis=1)
        tokens = np.zeros((count, 3 * nodes + 1), int)
        tokens[:, 0 : 3 * nodes : 3] = 1 + np.take_along_axis(cycle, order, 1)
        tokens[:, 1 : 3 * nodes : 3] = 1 + np.take_along_axis(cycle, (order + 1) % nodes, 1)
        start = random.integers(nodes, size=(count, 1))
        tokens[:, -1:] = 1 + np.take_along_axis(cycle, start, 1)
        answer = np.take_along_axis(cycle, (start + hops) % nodes, 1)[:, 0]
        mask = np.zeros(tokens.shape, bool)
        mask[:, -1] = True
        return tokens, everywhere(answer, tokens), mask

    return draw


def draw_copies(random: np.random.Generator, count: int) -> tuple[Array, Array, Array | None]:
    fixed = np.random.default_rng(5)
    library, answers = fixed.integers(3, size=(50, LENGTH)), fixed.integers(4, size=(50, LENGTH))
    chosen = random.integers(50, size=count)
    return library[chosen], answers[chosen], None


def first_class(tokens: Array) -> Array:
    return np.ones_like(tokens)


def cumulative(modulus: int) -> Callable[[Array], Array]:
    return lambda tokens: tokens.cumsum(1) % modulus


PLANTED: dict[str, tuple[Draw, int]] = {
    "constant": (draw_positions(first_class), 3),
    "mode": (draw_positions(first_class), 3),
    "position alone": (draw_positions(lambda tokens: np.arange(LENGTH) * 5 % 7 % 3 + 0 * tokens), 3),
    "position and length": (draw_lengths, 2),
    "number of the item": (draw_numbers, 4),
    "one statistic of the item": (draw_faint(np.full((2, LENGTH), 0.4), 1.0), 2),
    "one position of the item": (draw_item(lambda tokens: tokens[:, 5] == 1), 2),
    "two positions of the item": (draw_item(lambda tokens: tokens[:, 2] ^ tokens[:, 9], 2), 2),
    "linear regression on the item": (
        draw_faint(0.6 * (np.arange(LENGTH) * 5 % 7 % 2 - 0.5)[None], 1.0),
        2,
    ),
    "most frequent answer of the item": (draw_modes, 4),
    **{f"window of radius {radius}": (draw_window(radius), 2) for radius in range(4)},
    "window of the last 7 positions": (draw_positions(lambda tokens: shift(tokens, -6), 2), 2),
    "state machine over 7 positions": (draw_positions(cumulative(6), 6, (7,)), 6),
    "forest over a window of radius 3": (draw_channels, 2),
    "forest over the whole item": (draw_item(lambda tokens: tokens[:, 5] == 1), 2),
    "column": (draw_positions(lambda tokens: tokens.sum(1, keepdims=True) % 2 + 0 * tokens, 2, (3, 12)), 2),
    "bag of tokens so far": (draw_positions(lambda tokens: (tokens == 1).cumsum(1) >= 3), 2),
    "bag of tokens": (draw_item(lambda tokens: (tokens == 1).sum(1) >= 6), 2),
    "bag of tokens by line": (draw_item(lambda tokens: (tokens[:, 2] == 1).sum(1) >= 3, 2, (5, 6)), 2),
    "bag of patches": (
        draw_item(
            lambda tokens: ((tokens[:, :-2] == 1) & (tokens[:, 1:-1] == 0) & (tokens[:, 2:] == 1)).any(1), 2
        ),
        2,
    ),
    "set of columns": (draw_columns, 2),
    "window joined with bags": (
        draw_positions(lambda tokens: tokens ^ ((tokens == 1).sum(1, keepdims=True) >= 8), 2),
        2,
    ),
    "sums in any order, modulo 2, 3 and 5": (draw_positions(cumulative(6), 6), 6),
    "state machine joined with sums in any order": (draw_positions(cumulative(3), 3), 3),
    "sums over the item, modulo 2, 3 and 5": (draw_item(lambda tokens: (tokens == 1).sum(1) % 2), 2),
    "checksum of the item": (draw_item(lambda tokens: (tokens * np.arange(LENGTH)).sum(1) % 3), 3),
    **{
        f"regression in the item, degree {degree}": (draw_coloured(colour_polynomial(degree), 2), 2)
        for degree in (1, 2, 3)
    },
    "regression on 16 waves in the item": (draw_coloured(colour_palette, 3), 3),
    "tree of 8 leaves in the item": (draw_coloured(colour_boxes, 4), 4),
    "tree of 16 leaves in the item": (draw_coloured(colour_boxes, 4), 4),
    "nearest class mean in the item": (draw_coloured(colour_clusters, 3), 3),
    "nearest neighbour in the item": (draw_coloured(colour_clusters, 3), 3),
    "codebook of 64 cells": (draw_coloured(colour_cells(4), 3), 3),
    "codebook of 512 cells": (draw_coloured(colour_cells(8), 3), 3),
    "one look-up": (draw_pairs(1), 6),
    "one look-up and exclusion": (draw_pairs(2, exclude=True), 6),
    "two look-ups": (draw_pairs(2), 6),
    "nearest training item": (draw_copies, 4),
}
"""By solver: items with the shortcut that it is made for, and their number of classes."""
