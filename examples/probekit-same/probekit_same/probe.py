"""Same or different (Fleuret et al., "Comparing machines and humans on a visual categorization test", PNAS
2011, problem 1), on a row of bits: are the two marked patterns the same?"""

import random
from functools import partial

import torch

from probekit import Constant, Items, Probe, Scale, Shape
from probekit.plugin import masked


def row(size, pattern, split, seed, index):
    draw = random.Random(f"{split} {seed} {index}")
    bits, marks, same = torch.tensor(draw.choices((0, 1), k=size)), torch.zeros(size), draw.randrange(2)
    first = draw.randrange(size - 2 * pattern)
    second = draw.randrange(first + pattern + 1, size - pattern + 1)
    bits[first : first + 2] = torch.tensor((0, 1))  # a pattern has both bits, so that two can be exchanged
    copy = bits[first : first + pattern].clone()
    if not same:  # counts of bits are those of a pair that is the same
        zero, one = (draw.choice((copy == bit).nonzero().flatten().tolist()) for bit in (0, 1))
        copy[zero], copy[one] = 1, 0
    bits[second : second + pattern] = copy
    marks[first : first + pattern] = marks[second : second + pattern] = 1
    return torch.stack([marks, bits.float()]), torch.eye(2)[same]


class Same(Probe):
    """Inputs: channels of marks and bits. Targets: different or same, one per row."""

    property, version, structure = "comparison", 1, "unet"
    loss, answer = staticmethod(masked.cross_entropy), staticmethod(masked.predict_classes)
    golden = {1: "0fe386c7d8e0d252"}
    solved_by = dict.fromkeys(
        ("bag of patches", "window joined with bags"), "a patch that occurs twice is compared with itself"
    )
    scales = {
        "smoke": Scale("seconds", {"train": 256, "test": 64}, {"epochs": 2}, width=8),
        "quick": Scale("minutes", {}, {"batch": 64, "epochs": 8, "lr": 3e-3}, width=32),
    }

    def __init__(
        self, *, size: int = 32, pattern: int = 6, train: int = 16_000, validation: int = 256, test: int = 512
    ):
        self.size, self.pattern = size, pattern
        self.shape = Shape(2, 2, (size,), pooled=True)
        self.lengths = {"train": train, "validation": validation, "test": test}
        self.metrics = (masked.make_accuracy(chance=0.5),)

    def data(self, split, seed):
        seed = seed if split == "train" else 0
        return Items(self.lengths[split], partial(row, self.size, self.pattern, split, seed))

    def oracle(self, inputs):
        places = inputs[:, 0].nonzero()[:, 1].view(len(inputs), 2, -1)
        first, second = inputs[:, 1].gather(1, places.flatten(1)).view_as(places).unbind(1)
        return torch.eye(2)[(first == second).all(1).long()]

    def controls(self):
        return {"constant": Constant()}
