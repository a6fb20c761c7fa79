"""Wrong probes: an honest one, and the same with one leak of each kind.

The honest probe asks whether the second half of a sequence repeats the first one with a number added to each
token, modulo 5. If not, two of its tokens are swapped, so that counts and fixed positions tell little.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import probekit
from probekit import Constant, Items, Metric, Scale, Shape
from probekit.plugin import masked

TOKENS, BLANK, OTHER_BLANK, QUERY = 5, 5, 6, 7
SYMBOLS, SHORTEST, LONGEST, LENGTH = 8, 6, 8, 24
PLACES = 4
"""The query is at one of the last positions."""
COUNTS = {"train": 800, "validation": 64, "test": 256}
Array = NDArray[Any]


class Copy(probekit.Probe):
    """Tell at the query whether the second half repeats the first, with a number added."""

    property, version, structure = "comparison", 1, "plain"
    scales: Mapping[str, Scale] = {"smoke": Scale("seconds", {}, {}, width=4, decides=False)}
    noise = 0.0

    def __init__(self) -> None:
        self.shape = Shape(SYMBOLS, 2, (LENGTH,))
        self.metrics: tuple[Metric, ...] = (masked.make_accuracy(0.5),)
        self.splits = {name: self.draw_split(name) for name in COUNTS}

    def draw_split(self, name: str) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of a split."""
        count, random = COUNTS[name], np.random.default_rng(list(COUNTS).index(name))
        labels = self.draw_labels(random, count)
        lengths = random.integers(SHORTEST, LONGEST + 1, count)
        tokens = np.full((count, LENGTH), BLANK)
        for row, label, length in zip(tokens, labels, lengths, strict=True):
            half = self.draw_half(random, label, length)
            row[: 2 * len(half)] = np.concatenate([half, self.copy_half(random, half, label)])
        queries = LENGTH - PLACES + random.integers(PLACES, size=count)
        tokens, queries = self.leak(random, tokens, queries, labels)
        tokens[np.arange(count), queries] = QUERY
        inputs = np.moveaxis(np.eye(SYMBOLS)[tokens], -1, 1)
        inputs = inputs + self.noise * random.random(inputs.shape)
        inputs = self.mark(inputs, labels)
        is_query = np.arange(LENGTH) == queries[:, None]
        targets = np.stack([labels == 0, labels == 1], 1)[..., None] & is_query[:, None]
        return torch.tensor(inputs).float(), torch.tensor(targets).float()

    def draw_labels(self, random: np.random.Generator, count: int) -> Array:
        return random.integers(2, size=count)

    def draw_half(self, random: np.random.Generator, label: int, length: int) -> Array:
        return np.concatenate([random.permutation(TOKENS)[:2], random.integers(TOKENS, size=length - 2)])

    @staticmethod
    def copy_half(random: np.random.Generator, half: Array, label: int) -> Array:
        """Return the half with a number added; for the label 0, two of its different tokens are swapped."""
        copy = (half + random.integers(TOKENS)) % TOKENS
        if not label:
            first = random.integers(len(half))
            second = random.choice(np.flatnonzero(half != half[first]))
            copy[[first, second]] = copy[[second, first]]
        return copy

    def leak(
        self, random: np.random.Generator, tokens: Array, queries: Array, labels: Array
    ) -> tuple[Array, Array]:
        """Return tokens and positions of queries that tell the label in another way."""
        return tokens, queries

    def mark(self, inputs: Array, labels: Array) -> Array:
        """Return inputs that tell the label in another way, (items, SYMBOLS, LENGTH)."""
        return inputs

    def data(self, split: str, seed: int) -> Items:
        inputs, targets = self.splits[split]
        return Items(len(inputs), lambda index: (inputs[index], targets[index]))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return masked.cross_entropy(output, target)

    def oracle(self, inputs: Tensor) -> Tensor:
        tokens = inputs.argmax(1)
        answers = torch.zeros(len(inputs), 2, LENGTH)
        for row, answer in zip(tokens, answers, strict=True):
            kept = row[row < TOKENS]
            steps = (kept[len(kept) // 2 :] - kept[: len(kept) // 2]) % TOKENS
            answer[int((steps == steps[0]).all()), row == QUERY] = 1
        return answers

    def controls(self) -> Mapping[str, Any]:
        return {"constant": Constant()}


class FaintConstant(Copy):
    """All channels are a little brighter for one label."""

    noise = 0.3

    def mark(self, inputs: Array, labels: Array) -> Array:
        return inputs + 0.05 * labels[:, None, None]


class OnePixel(Copy):
    """One value of the first position is a little higher for one label."""

    def mark(self, inputs: Array, labels: Array) -> Array:
        inputs[:, 2, 0] += 0.01 * labels
        return inputs


class CountParity(Copy):
    """The number of blanks of the second kind is odd for one label."""

    def leak(
        self, random: np.random.Generator, tokens: Array, queries: Array, labels: Array
    ) -> tuple[Array, Array]:
        for row, label in zip(tokens, labels, strict=True):
            blanks = np.flatnonzero(row[:-PLACES] == BLANK)
            row[random.permutation(blanks)[: 2 * random.integers(2) + label]] = OTHER_BLANK
        return tokens, queries


class PositionTells(Copy):
    """The query is at an odd position for one label."""

    def leak(
        self, random: np.random.Generator, tokens: Array, queries: Array, labels: Array
    ) -> tuple[Array, Array]:
        return tokens, queries // 2 * 2 + labels


class Alternating(Copy):
    """Every second item has the same label."""

    def draw_labels(self, random: np.random.Generator, count: int) -> Array:
        return np.arange(count) % 2


class Sorted(Copy):
    """The items come sorted by label."""

    def draw_labels(self, random: np.random.Generator, count: int) -> Array:
        return np.arange(count) * 2 // count


class LengthTells(Copy):
    """The length of the halves is odd for one label."""

    def draw_half(self, random: np.random.Generator, label: int, length: int) -> Array:
        return super().draw_half(random, label, max(6, length // 2 * 2) - label)


class Background(Copy):
    """Blanks are of the second kind for one label."""

    def leak(
        self, random: np.random.Generator, tokens: Array, queries: Array, labels: Array
    ) -> tuple[Array, Array]:
        return np.where((tokens == BLANK) & (labels[:, None] == 1), OTHER_BLANK, tokens), queries


class TwoWindows(Copy):
    """Two positions hold tokens that are both even or both odd for one label; one of them tells nothing."""

    def draw_half(self, random: np.random.Generator, label: int, length: int) -> Array:
        half = super().draw_half(random, label, length)
        half[2] = random.integers(4)
        half[4] = 2 * random.integers(2) + (half[2] + label) % 2
        return half


class Hashed(Copy):
    """A sum over the item in which each place has a weight is the label, modulo 5."""

    def leak(
        self, random: np.random.Generator, tokens: Array, queries: Array, labels: Array
    ) -> tuple[Array, Array]:
        weights = 1 + np.arange(LENGTH) % 4
        free = slice(2 * LONGEST, LENGTH - PLACES)
        choices = BLANK + np.array(list(np.ndindex(*(2,) * (LENGTH - PLACES - 2 * LONGEST))))
        for row, query, label in zip(tokens, queries, labels, strict=True):
            row[query] = QUERY
            rest = weights @ row - weights[free] @ row[free]
            fitting = choices[(choices @ weights[free] + rest) % 5 == label]
            row[free] = random.choice(fitting)
        return tokens, queries


class TestIsTraining(Copy):
    """The test items are training items."""

    def __init__(self) -> None:
        super().__init__()
        self.splits["test"] = tuple(column[: COUNTS["test"]] for column in self.splits["train"])


class FewItems(Copy):
    """The training split repeats 30 items."""

    def __init__(self) -> None:
        super().__init__()
        self.splits["train"] = tuple(column[:30].repeat(20, 1, 1) for column in self.splits["train"])
