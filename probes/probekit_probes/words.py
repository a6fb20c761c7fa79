"""Words are rows of tokens, some of whose positions are asked for: the data of probes along a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from probekit import asked
from probekit.interfaces import Shape, Split, Value
from probekit_probes.kept import Item, Kept
from probekit_probes.streams import Words as Keys

Bytes = NDArray[np.uint8]
UNASKED = 255


RECIPE: dict[str, Value] = {"epochs": 1, "batch": 64, "optimiser": "muon", "lr": 3e-3, "matrix_lr": 5e-3}
"""What networks are trained by on words and maps alike: see examples/results/sequences.md."""

Writer = Callable[[Keys], tuple[Bytes, Bytes]]
"""From keys (items,) to tokens and answers, (items, positions) uint8, UNASKED where nothing is asked."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """How many tokens there are, how many classes an answer has, and the size of a word: its length, or the
    sides of a map whose rows it holds."""

    tokens: int
    classes: int
    size: tuple[int, ...]

    @property
    def length(self) -> int:
        """Positions of a word."""
        return prod(self.size)

    @property
    def shape(self) -> Shape:
        """That of inputs and outputs: one-hot tokens, logits of classes."""
        return Shape(self.tokens, self.classes, self.size)


class Design(Protocol):
    """What draws words."""

    @property
    def alphabet(self) -> Alphabet:
        """That of its words."""

    def write(self, keys: Keys) -> tuple[Bytes, Bytes]:
        """Return tokens and answers, (items, positions) uint8 each, of keys (items,)."""


class Words(Kept):
    """A split of words, drawn when asked for and kept, two bytes a position.

    Item i: float32 one-hot tokens (tokens, *size) and float32 answers (classes, *size), one-hot where
    something is asked and zero elsewhere, a function of (seed, split, i) alone.
    """

    def __init__(self, alphabet: Alphabet, write: Writer, split: str, seed: int, items: int) -> None:
        super().__init__(split, seed, items)
        self.alphabet, self.write = alphabet, write
        self.parts = [np.empty((items, alphabet.length), np.uint8) for _ in range(2)]

    def draw(self, keys: Keys) -> tuple[Bytes, Bytes]:
        return self.write(keys)

    def made(self, *parts: Tensor) -> Item:
        """Return inputs (batch, tokens, *size) and targets (batch, classes, *size) of tokens and answers."""
        tokens, answers = parts
        inputs = functional.one_hot(tokens.long(), self.alphabet.tokens).float()
        given = answers.long().clamp(max=self.alphabet.classes)
        targets = functional.one_hot(given, self.alphabet.classes + 1)[..., :-1].float()
        shape = (len(tokens), -1, *self.alphabet.size)
        return inputs.mT.view(shape), targets.mT.view(shape)


class Spelt:
    """What probes of words and maps share: shape, splits, loss and form of answers."""

    alphabet: Alphabet
    writers: Mapping[str, Writer]
    lengths: Mapping[str, int]

    def split_into(self, design: Design, beyond: Design, train: int, validation: int, test: int) -> None:
        """Set what writes the words of each split, and how many there are; beyond: of the harder ones."""
        self.alphabet = design.alphabet
        self.writers = dict.fromkeys(("train", "validation", "test"), design.write)
        self.writers = {**self.writers, "harder": beyond.write}
        self.lengths = {"train": train, "validation": validation, "test": test, "harder": test}

    @property
    def shape(self) -> Shape:
        """That of inputs and outputs."""
        return self.alphabet.shape

    def data(self, split: Split, seed: int) -> Words:
        """Return a split; `seed` moves the training split, `version` alone fixes the others."""
        seed = seed if split == "train" else 0
        return Words(self.alphabet, self.writers[split], split, seed, self.lengths[split])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the cross-entropy, a mean over the asked positions."""
        return asked.cross_entropy(output, target)

    def answer(self, output: Tensor) -> Tensor:
        """Return the classes that an output says, one-hot."""
        return asked.answer(output)


def window(shape: Shape, *, width: int) -> nn.Module:
    """Build a network that sees each position and the six before it, and nothing else."""
    return nn.Sequential(
        nn.ConstantPad1d((SEEN - 1, 0), 0.0),
        nn.Conv1d(shape.inputs, 4 * width, SEEN),
        nn.GELU(),
        nn.Conv1d(4 * width, 4 * width, 1),
        nn.GELU(),
        nn.Conv1d(4 * width, shape.outputs, 1),
    )


SEEN = 7
"""Positions that the window control sees."""


def tokens_of(inputs: Tensor) -> Tensor:
    """Return the tokens of one-hot inputs (batch, tokens, length), (batch, length) int64."""
    return inputs.argmax(1)


def answers_of(classes: Tensor, where: Tensor, count: int) -> Tensor:
    """Return answers (batch, count, length) float32 of classes (batch, length), zero but `where`."""
    return (functional.one_hot(classes.clamp(0, count - 1), count) * where[..., None]).mT.float()


def edges(ends: Iterable[int], known: int, most: int) -> tuple[float, ...]:
    """Return the edges of an axis that counts to `most`: those of `ends` that it comes to, one behind what
    training shows, `known`, and one behind all."""
    return tuple(map(float, sorted({*(end for end in ends if end <= most), known + 1, most + 1})))
