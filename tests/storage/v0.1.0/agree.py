"""The probe of the README, put to the test by version 0.1.0."""

import random
from functools import partial

import torch
from torch.nn.functional import cross_entropy

from probekit import Constant, Items, Metric, Scale, Shape


def item(size, split, seed, index):
    draw = random.Random(f"{split} {seed} {index}")  # a generator of its own: the same whatever the workers
    ends = torch.tensor([draw.randrange(2) for _ in range(size)])
    inputs = torch.stack([ends, 1 - ends]).float()  # (channels, length)
    same = int(ends[0] == ends[-1])
    return inputs, torch.tensor([1 - same, same]).float()[:, None].expand(2, size).clone()


def accuracy(output, target, inputs):
    return (output.argmax(1) == target.argmax(1)).float().mean(1)  # one number an item


class Agree:
    """Does the first place agree with the last? Say so everywhere."""

    property, version, structure = "agreement", 1, "unet"
    scales = {"smoke": Scale("seconds", {"size": 32}, {"epochs": 2}, width=4)}

    def __init__(self, *, size: int = 64, train: int = 256, validation: int = 64, test: int = 64):
        self.size, self.lengths = size, {"train": train, "validation": validation, "test": test}
        self.shape = Shape(2, 2, (size,))
        self.metrics = (Metric("accuracy", "higher", 1.0, accuracy, "places told rightly", chance=0.5),)

    def data(self, split, seed):
        seed = seed if split == "train" else 0  # validation and test are fixed by version
        return Items(self.lengths[split], partial(item, self.size, split, seed))

    def loss(self, output, target):
        return cross_entropy(output, target)

    def oracle(self, inputs):  # from the input alone, by another way than the generator's
        differ = (inputs[:, :1, :1] - inputs[:, :1, -1:]).abs()
        return torch.cat([differ, 1 - differ], 1).expand_as(inputs)

    def controls(self):  # the first is the floor, 0 %
        return {"constant": Constant()}
