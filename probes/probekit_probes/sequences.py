"""Sequences of tokens with queries: the shared base of the probes on sequences and grids.

Some positions of a sequence ask for an answer; the loss and the metrics count only these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin import masked
from probekit.plugin.axis import Axis
from probekit.plugin.interfaces import Metric, Probe, Shape, Split, Value
from probekit_probes.cached_split import CachedSplit, Item
from probekit_probes.streams import Words as Keys

Bytes = NDArray[np.uint8]
NO_ANSWER = 255


RECIPE: dict[str, Value] = {"epochs": 1, "batch": 64, "optimiser": "muon", "lr": 3e-3, "matrix_lr": 5e-3}
"""The recipe for sequences and grids: see examples/results/sequences.md."""

Restriction = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
Count = Callable[[Tensor, Tensor], Tensor]

TokenDraw = Callable[[Keys], tuple[Bytes, Bytes]]
"""From keys (items,) to tokens and answers, (items, positions) uint8; UNASKED where there is no query."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The number of tokens and answer classes, and the size of a sequence.

    Attributes:
        tokens: number of different tokens.
        classes: number of answer classes.
        size: the length of a sequence, or the sides of the grid whose rows it holds.
    """

    tokens: int
    classes: int
    size: tuple[int, ...]

    @property
    def length(self) -> int:
        """Number of positions in a sequence."""
        return prod(self.size)

    @property
    def shape(self) -> Shape:
        """Shape of inputs (one-hot tokens) and outputs (logits of the classes)."""
        return Shape(self.tokens, self.classes, self.size)


class Design(Protocol):
    """A distribution of sequences."""

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet of its sequences."""

    def draw_tokens(self, keys: Keys) -> tuple[Bytes, Bytes]:
        """Draw tokens and answers, (items, positions) uint8 each, one item per key."""


class TokenDataset(CachedSplit):
    """A split of token sequences, drawn on access and kept: two bytes per position.

    Item i: float32 one-hot tokens (tokens, *size) and float32 answers (classes, *size), one-hot at queries
    and zero elsewhere. It is a function of (seed, split, i) alone.
    """

    def __init__(self, alphabet: Alphabet, draw_tokens: TokenDraw, split: str, seed: int, items: int) -> None:
        super().__init__(split, seed, items)
        self.alphabet, self.draw_tokens = alphabet, draw_tokens
        self.parts = [np.empty((items, alphabet.length), np.uint8) for _ in range(2)]

    def draw(self, keys: Keys) -> tuple[Bytes, Bytes]:
        return self.draw_tokens(keys)

    def assemble_items(self, *parts: Tensor) -> Item:
        """Return inputs (batch, tokens, *size) and targets (batch, classes, *size)."""
        tokens, answers = parts
        inputs = functional.one_hot(tokens.long(), self.alphabet.tokens).float()
        classes = answers.long().clamp(max=self.alphabet.classes)
        targets = functional.one_hot(classes, self.alphabet.classes + 1)[..., :-1].float()
        shape = (len(tokens), -1, *self.alphabet.size)
        return inputs.mT.view(shape), targets.mT.view(shape)


class SequenceProbe(Probe):
    """Base of the probes on sequences and grids: shape, splits, loss and form of the answers."""

    alphabet: Alphabet
    token_draws: Mapping[str, TokenDraw]
    lengths: Mapping[str, int]

    def set_splits(self, design: Design, harder: Design, train: int, validation: int, test: int) -> None:
        """Set the distribution and the number of items of each split.

        Args:
            design: distribution of the training, validation and test splits.
            harder: distribution of the `harder` split, which has as many items as the test split.
            train: number of training items.
            validation: number of validation items.
            test: number of test items.
        """
        self.alphabet = design.alphabet
        self.shape = design.alphabet.shape
        self.token_draws = dict.fromkeys(("train", "validation", "test"), design.draw_tokens)
        self.token_draws = {**self.token_draws, "harder": harder.draw_tokens}
        self.lengths = {"train": train, "validation": validation, "test": test, "harder": test}

    def count_longest(
        self, noun: str, greatest: int, count: Count, *, answers: str, chance: float, edges: Iterable[int]
    ) -> None:
        """Set the metrics to count the sequences with the greatest number of something, and the axis to it.

        Args:
            noun: what a sequence has a number of, in the plural.
            greatest: the greatest number in training.
            count: `count(inputs, targets)` returns the number in each sequence, (batch,).
            answers: what the accuracy is a share of, in the plural.
            chance: the accuracy of guessing without looking at the input.
            edges: where bins of the axis may begin.
        """

        def drop_short(output: Tensor, target: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            is_counted = count(inputs, target) >= greatest
            return output, target * is_counted[:, None, None], inputs

        which = f"of sequences with {greatest} {noun}"
        about = f"Share of correct {answers} {which} or more", f"Share {which} or more that are fully correct"
        self.metrics = make_restricted_metrics(chance, drop_short, *about)
        self.axis = Axis(
            noun,
            noun,
            f"Share of correct {answers} in a sequence, by the number of its {noun}",
            count,
            masked.masked_accuracy,
            "higher",
            bin_edges(edges, greatest, 2 * greatest),
            (0.0, 1.0),
            0.95,
        )

    def data(self, split: Split, seed: int) -> TokenDataset:
        """Return a split; `seed` changes only the training split, `version` fixes the others."""
        seed = seed if split == "train" else 0
        return TokenDataset(self.alphabet, self.token_draws[split], split, seed, self.lengths[split])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross-entropy over the queries."""
        return masked.cross_entropy(output, target)

    def answer(self, output: Tensor) -> Tensor:
        """Return the predicted classes, one-hot."""
        return masked.predict_classes(output)


def make_restricted_metrics(
    chance: float, restrict: Restriction, about_accuracy: str, about_exact: str
) -> tuple[Metric, Metric]:
    """Return the metrics `accuracy` and `exact` over a part of the queries.

    Args:
        chance: the accuracy of guessing without looking at the input.
        restrict: `restrict(output, target, inputs)` returns the three for the queries that count alone.
        about_accuracy: what the accuracy is, in one line.
        about_exact: the same for `exact`.
    """
    accuracy, exact = masked.make_accuracy(chance), masked.make_exact_match()
    return (
        replace(
            accuracy, score=lambda *parts: masked.masked_accuracy(*restrict(*parts)), about=about_accuracy
        ),
        replace(exact, score=lambda *parts: masked.exact_match(*restrict(*parts)), about=about_exact),
    )


def build_causal_window(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees each position and the six before it, and nothing else."""
    return nn.Sequential(
        nn.ConstantPad1d((WINDOW_LENGTH - 1, 0), 0.0),
        nn.Conv1d(shape.inputs, 4 * width, WINDOW_LENGTH),
        nn.GELU(),
        nn.Conv1d(4 * width, 4 * width, 1),
        nn.GELU(),
        nn.Conv1d(4 * width, shape.outputs, 1),
    )


WINDOW_LENGTH = 7
"""Number of positions that the window control sees."""


def decode_tokens(inputs: Tensor) -> Tensor:
    """Return the tokens of one-hot inputs (batch, tokens, length), (batch, length) int64."""
    return inputs.argmax(1)


def encode_answers(classes: Tensor, mask: Tensor, count: int) -> Tensor:
    """Encode classes as one-hot answers that are zero outside the mask.

    Args:
        classes: class of each position, (batch, length).
        mask: positions that have an answer, (batch, length) bool.
        count: number of classes.

    Returns:
        One-hot answers, (batch, count, length) float32.
    """
    return (functional.one_hot(classes.clamp(0, count - 1), count) * mask[..., None]).mT.float()


def bin_edges(candidates: Iterable[int], trained: int, longest: int) -> tuple[float, ...]:
    """Choose the bin edges of a difficulty axis.

    Args:
        candidates: possible edges; those above `longest` are left out.
        trained: greatest difficulty in training; an edge follows it.
        longest: greatest difficulty of all; the last edge follows it.
    """
    edges = {*(edge for edge in candidates if edge <= longest), trained + 1, longest + 1}
    return tuple(map(float, sorted(edges)))
