"""The flip-flop language (Liu et al., "Exposing Attention Glitches", 2023): memory under noise."""

import random
from functools import partial

import torch

from probekit import Constant, Items, Probe, Scale, Shape
from probekit.plugin import masked
from probekit.plugin.axis import Axis

WRITE, IGNORE, READ = range(3)  # then the two bits: a one-hot channel each


def word(steps, ignored, split, seed, index):
    draw = random.Random(f"{split} {seed} {index}")
    inputs, target, bit = torch.zeros(5, 2 * steps), torch.zeros(2, 2 * steps), 0
    for step in range(steps):
        kind = IGNORE if draw.random() < ignored else draw.choice((WRITE, READ))
        kind = WRITE if step == 0 else READ if step == steps - 1 else kind
        bit = draw.randrange(2) if kind == WRITE else bit
        inputs[kind, 2 * step] = 1
        inputs[3 + (bit if kind == WRITE else draw.randrange(2)), 2 * step + 1] = kind != READ
        target[bit, 2 * step] = kind == READ
    return inputs, target


def since(inputs, targets):
    """How many places a read lies behind the last write: nan where nothing is read."""
    places = torch.arange(inputs.shape[2], device=inputs.device).expand(len(inputs), -1)
    written = torch.where(inputs[:, WRITE] > 0, places, -1).cummax(1).values
    return torch.where(inputs[:, READ] > 0, places - written, torch.nan)


class FlipFlop(Probe):
    """Inputs: channels of write, ignore, read, 0 and 1. Targets: the bit, where it is read."""

    property, version, structure = "memory", 1, "plain(depth=2, causal=true, conv=4)"
    harder, golden = "words of which 98 % is noise", {1: "3a84889c89562a07"}
    loss, answer = staticmethod(masked.cross_entropy), staticmethod(masked.predict_classes)
    axis = Axis(
        "since", "places", "bits read", since, masked.is_correct, "higher", (0, 4, 16, 64, 256), (0, 1)
    )
    scales = {
        "smoke": Scale("seconds", {"steps": 16, "train": 256, "test": 64}, {"epochs": 2}, width=16),
        "quick": Scale("a minute", {}, {"batch": 64, "epochs": 2, "lr": 3e-3}, width=64),
    }

    def __init__(self, *, steps: int = 32, train: int = 16_000, validation: int = 256, test: int = 512):
        self.steps, self.shape = steps, Shape(5, 2, (2 * steps,))
        self.lengths = {"train": train, "validation": validation, "test": test, "harder": test}
        self.metrics = (masked.make_accuracy(chance=0.5), masked.make_exact_match())

    def data(self, split, seed):
        seed, ignored = seed if split == "train" else 0, 0.98 if split == "harder" else 0.8
        return Items(self.lengths[split], partial(word, self.steps, ignored, split, seed))

    def oracle(self, inputs):
        last = (torch.arange(inputs.shape[2]) - since(inputs, None)).nan_to_num(0).long()
        bits = inputs[:, 3:].gather(2, (last + 1)[:, None].expand(-1, 2, -1))
        return bits * inputs[:, READ : READ + 1]

    def controls(self):
        return {"constant": Constant()}
