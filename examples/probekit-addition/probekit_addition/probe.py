"""Modular addition (Power et al., "Grokking", 2022, section 3): a finite set of sums."""

import random
from functools import partial
from itertools import combinations_with_replacement

import torch

from probekit import Constant, Items, Probe, Scale, Shape
from probekit.plugin import masked


def equation(modulus, pairs, index):
    numbers = torch.tensor(pairs[index])
    return torch.eye(modulus)[numbers].T.contiguous(), torch.eye(modulus)[numbers.sum() % modulus]


class Addition(Probe):
    """Inputs: two one-hot numbers. Targets: their sum modulo p, one per item."""

    property, version, structure = "addition modulo p", 1, "plain(depth=2)+transformer(heads=4)"
    golden = {1: "5cb9a774e44f48bf"}
    finite = "a fixed order of all pairs a <= b: a half, a tenth, the rest"
    loss, answer = staticmethod(masked.cross_entropy), staticmethod(masked.predict_classes)
    scales = {
        "smoke": Scale("seconds", {"modulus": 17}, {"epochs": 2}, width=16),
        "quick": Scale("minutes", {}, {"batch": 256, "epochs": 200, "weight_decay": 1.0}, width=64),
    }

    def __init__(self, *, modulus: int = 97):
        self.modulus, self.shape = modulus, Shape(modulus, modulus, (2,), pooled=True)
        self.metrics = (masked.make_accuracy(chance=1 / modulus),)

    def data(self, split, seed):
        pairs = list(combinations_with_replacement(range(self.modulus), 2))  # b + a would show a + b
        random.Random(0).shuffle(pairs)
        half, more = len(pairs) // 2, len(pairs) * 6 // 10
        parts = {"train": pairs[:half], "validation": pairs[half:more], "test": pairs[more:]}[split]
        return Items(len(parts), partial(equation, self.modulus, parts))

    def oracle(self, inputs):
        first, second = inputs.argmax(1).unbind(1)
        return torch.eye(self.modulus)[(first + second) % self.modulus]

    def controls(self):
        return {"constant": Constant()}
