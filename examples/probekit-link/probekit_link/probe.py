"""The long-range link: a sink takes the colour of a source that lies far along its row or column."""

import random
from functools import partial

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from probekit import Constant, Items, Metric, Probe, Scale, Shape

SHARES = {"train": range(6), "validation": [6], "test": [7]}  # of the places, so that splits never meet


def pair(size, split, seed, index):
    draw = random.Random(f"{split} {seed} {index}")
    distance, colour = draw.randrange(2, size), draw.randrange(4)
    along = draw.randrange(size - distance)
    across = 8 * draw.randrange(size // 8) + (draw.choice(SHARES[split]) - along) % 8
    ends = draw.sample([(across, along), (across, along + distance)], 2)
    source, sink = ends if draw.randrange(2) else (end[::-1] for end in ends)
    inputs, target = torch.zeros(5, size, size), torch.zeros(4, size, size)
    inputs[(colour, *source)] = inputs[(4, *sink)] = target[(colour, *sink)] = 1
    return inputs, target


def at(sink, maps):
    return (maps * sink).sum((2, 3))


def accuracy(nearest, farthest):
    def score(output, target, inputs):
        source, sink = (part.amax(1).nonzero()[:, 1:] for part in (inputs[:, :4], inputs[:, 4:]))
        distance = (source - sink).abs().sum(1)
        right = at(inputs[:, 4:], output).argmax(1) == at(inputs[:, 4:], target).argmax(1)
        return right.float().where((nearest <= distance) & (distance < farthest), torch.nan)

    return score


def window(shape, *, width):
    return nn.Sequential(nn.Conv2d(5, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, 4, 1))


class Link(Probe):
    """Inputs: four channels of colours, one of the sink. Targets: the sink, in the source's colour."""

    property, version, structure, golden = "long-range link", 1, "unet", {1: "cf76744fe20b71d3"}
    solved_by = dict.fromkeys(("*item*", "codebook*", "*bag*"), "it links any distance")
    scales = {
        "smoke": Scale("seconds", {"size": 16, "train": 256, "test": 64}, {"epochs": 2}, width=4),
        "quick": Scale("minutes", {"size": 32}, {"epochs": 8, "lr": 4e-3}, budget=40_000),
    }

    def __init__(self, *, size: int = 32, train: int = 4096, validation: int = 256, test: int = 1024):
        self.size, self.shape = size, Shape(5, 4, (size, size))
        self.lengths = {"train": train, "validation": validation, "test": test}
        spans = {"accuracy": (0, size)}
        spans |= {f"to_{end}": (end - size // 4, end) for end in range(size // 4, size + 1, size // 4)}
        self.metrics = tuple(
            Metric(name, "higher", 1.0, accuracy(*span), f"sinks of d in {span}", chance=0.25, bounds=(0, 1))
            for name, span in spans.items()
        )

    def data(self, split, seed):
        seed = seed if split == "train" else 0
        return Items(self.lengths[split], partial(pair, self.size, split, seed))

    def loss(self, output, target):
        return cross_entropy(at(target.amax(1, keepdim=True), output), target.sum((2, 3)))

    def oracle(self, inputs):
        return inputs[:, :4].amax((2, 3), keepdim=True) * inputs[:, 4:]

    def controls(self):
        return {"constant": Constant(), "window": window}
