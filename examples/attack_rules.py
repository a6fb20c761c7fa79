"""Rules made by hand for `attacks.py`: arithmetic on an item that leaves the property out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch
from attackers import Array, Attack
from scipy.stats import beta
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch

Rule = Callable[[Array], Array]
Fill = Callable[[Array, Array, Array], Array]


@dataclass
class ByRule(Attack):
    """Answers by a rule, from inputs (items, channels, *size) to outputs (items, outputs, *size)."""

    rule: Rule = lambda inputs: inputs

    def __call__(self, inputs: Tensor) -> Tensor:
        return torch.from_numpy(self.rule(inputs.numpy()).astype(np.float32))


def fill_codes(fill: Fill, inputs: Array) -> Array:
    """Answer `grouping` item by item: `fill(features, shown, codes)` scores the codes of all positions."""
    colours, codes = inputs[:, :3].swapaxes(1, 2), inputs[:, 3:].swapaxes(1, 2)
    scores = [fill(rgb, code.any(1), code) for rgb, code in zip(colours, codes, strict=True)]
    return np.stack(scores).swapaxes(1, 2)


def regress_codes(features: Callable[[Array], Array]) -> Fill:
    """Return a ridge regression in the item from features of the colour to the codes."""

    def fill(rgb: Array, shown: Array, codes: Array) -> Array:
        columns = features(rgb).astype(np.float64)
        seen = columns[shown]
        ridge = 0.01 * np.eye(columns.shape[1])
        scores: Array = columns @ np.linalg.solve(seen.T @ seen + ridge, seen.T @ codes[shown])
        return scores

    return fill


def make_waves(count: int) -> Callable[[Array], Array]:
    """Return random waves of the colour."""
    draw = np.random.default_rng(0)
    weights, phases = 40 * draw.normal(size=(3, count)), draw.uniform(0, 2 * np.pi, count)
    return lambda rgb: np.cos(rgb @ weights + phases)


def make_monomials(degree: int) -> Callable[[Array], Array]:
    """Return the products of at most `degree` channels."""
    powers = [list(power) for power in combinations_with_replacement(range(4), degree)]

    def read_monomials(rgb: Array) -> Array:
        channels = np.concatenate([np.ones((len(rgb), 1)), 2 * rgb - 1], 1)
        return np.stack([channels[:, power].prod(1) for power in powers], 1)

    return read_monomials


def grow_tree(leaves: int) -> Fill:
    """Return a decision tree per item."""

    def fill(rgb: Array, shown: Array, codes: Array) -> Array:
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
        labels = tree.fit(rgb[shown], codes[shown].argmax(1)).predict(rgb)
        scores: Array = np.eye(codes.shape[1])[labels]
        return scores

    return fill


def pair_ranks(rgb: Array, shown: Array, codes: Array) -> Array:
    """Pair masked with shown positions by their rank in red."""
    first, second = (np.flatnonzero(mask)[rgb[mask, 0].argsort(kind="stable")] for mask in (shown, ~shown))
    scores = codes.copy()
    length = min(len(first), len(second))
    scores[second[:length]] = codes[first[:length]]
    return scores


def look_around(before: int, after: int, nodes: int) -> Rule:
    """Return a look-up that also sees the pairs next to the one it finds, and guesses by exclusion."""

    def answer_item(tokens: Array, end: int) -> dict[int, int]:
        keys, values = tokens[0:end:3], tokens[1:end:3]
        count = int((keys > 0).sum())
        keys, values = keys[:count].tolist(), values[:count].tolist()
        answers = {}
        for place in range(end + 1, len(tokens), 2):
            start = int(tokens[place])
            at = keys.index(start)
            excluded = {start, values[at], keys[values.index(start)]}
            near = range(max(0, at - before), min(count, at + after + 1))
            next_nodes = [values[pair] for pair in near if keys[pair] == values[at]]
            excluded |= {values[pair] for pair in near}
            rest = [node for node in keys if node not in excluded] or keys
            answers[place] = (next_nodes or rest)[0] if tokens[place - 1] > nodes + 1 else values[at]
        return answers

    def answer(inputs: Array) -> Array:
        outputs = np.zeros((len(inputs), nodes, inputs.shape[2]))
        for output, tokens in zip(outputs, inputs.argmax(1), strict=True):
            for place, node in answer_item(tokens, 3 * nodes).items():
                output[node - 1, place] = 1
        return outputs

    return answer


@dataclass
class LateOrder(Attack):
    """The last moves in order, joined with how often each earlier move came; both learned from training."""

    window: int = 8
    moves: int = 16
    items: int = 40_000

    def fit(self, dataset: Dataset) -> None:
        inputs, targets = read_batch(dataset, range(min(self.items, len(dataset))))
        tokens, states = inputs.argmax(1).numpy()[:, : self.moves], targets.argmax(1).numpy()[:, : self.moves]
        self.order = targets.shape[1]
        self.products = np.zeros((self.order, self.order + 1), np.int64)
        self.products[states[:, :-1], tokens[:, 1:]] = states[:, 1:]
        votes: defaultdict[bytes, Array] = defaultdict(lambda: np.zeros(self.order))
        for length in range(1, self.moves - self.window + 1):
            for bag, state in zip(self.count_moves(tokens, length), states[:, length - 1], strict=True):
                votes[bag.tobytes()][state] += 1
        self.states = {bag: int(counts.argmax()) for bag, counts in votes.items()}

    def count_moves(self, tokens: Array, length: int) -> Array:
        """Return how often each move is among the first ones, (items, order) int8."""
        moves = tokens[:, :length, None] == np.arange(1, self.order + 1)
        return moves.sum(1).astype(np.int8)

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = inputs.argmax(1).numpy()
        outputs = torch.zeros(len(tokens), self.order, tokens.shape[1])
        for place in range(self.moves):
            early = max(0, place + 1 - self.window)
            bags = self.count_moves(tokens, early)
            state = np.array([self.states.get(bag.tobytes(), 0) if early else 0 for bag in bags])
            for move in range(early, place + 1):
                state = self.products[state, tokens[:, move]]
            outputs[np.arange(len(tokens)), state, place] = 1
        return outputs


def remember_pairs(count: int, keys: int) -> Rule:
    """Return a memory of the first pairs; other keys get the most frequent of the other values."""

    def answer(inputs: Array) -> Array:
        outputs = np.zeros((len(inputs), inputs.shape[1] - 1 - keys, inputs.shape[2]))
        for output, tokens in zip(outputs, inputs.argmax(1), strict=True):
            values = np.flatnonzero(tokens > keys)
            pairs = [(int(tokens[at - 1]), int(tokens[at]) - 1 - keys) for at in values]
            rest = [value for _, value in pairs[count:]] or [0]
            guess = int(np.bincount(rest).argmax())
            memory = dict(pairs[:count])
            for place in np.flatnonzero(tokens > 0):
                output[memory.get(int(tokens[place]), guess), place] = 1
        return outputs

    return answer


def copy_first(count: int) -> Rule:
    """Return a memory of the first tokens in order; later answers are the most frequent of the others."""

    def answer(inputs: Array) -> Array:
        tokens = inputs.argmax(1)
        outputs = np.zeros((len(inputs), inputs.shape[1] - 2, inputs.shape[2]))
        for output, row in zip(outputs, tokens, strict=True):
            values, start = row[row > 1] - 2, int((row == 1).argmax())
            guess = np.bincount(values[count:]).argmax() if len(values) > count else 0
            output[guess, start:] = 1
            for place, value in enumerate(values[:count]):
                output[:, start + place] = np.eye(len(output))[value]
        return outputs

    return answer


def copy_by_place(inputs: Array) -> Array:
    """Weigh each token by how likely a token at its place is the n-th of as many."""
    outputs = np.zeros((len(inputs), inputs.shape[1] - 2, inputs.shape[2]))
    for output, tokens in zip(outputs, inputs.argmax(1), strict=True):
        places, start = np.flatnonzero(tokens > 1), int((tokens == 1).argmax())
        for rank in range(len(places)):
            weights = beta.pdf((places + 0.5) / start, rank + 1, len(places) - rank)
            np.add.at(output[:, start + rank], tokens[places] - 2, weights)
    return outputs


def count_last(bits: int) -> Rule:
    """Return the parity of the last bits."""

    def answer(inputs: Array) -> Array:
        ones = np.pad(inputs[:, 2].cumsum(1), ((0, 0), (bits, 0)))
        odd = (ones[:, bits:] - ones[:, :-bits]) % 2
        return np.stack([1 - odd, odd], 1)

    return answer
