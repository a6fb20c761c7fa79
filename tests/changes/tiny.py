"""The smallest question, network and training of the table: 32 items of eight numbers, eight steps."""

from __future__ import annotations

PROBE = '''
"""Is a sum kept?"""

import torch
from torch.nn.functional import mse_loss

from probekit import Constant, Items, Metric, Probe, Scale, Shape


def item(size, split, seed, index):
    generator = torch.Generator().manual_seed(len(split) + 1000 * seed + 100_000 * index)
    inputs = torch.rand(1, size, generator=generator)
    return inputs, inputs.cumsum(1) / size


def error(output, target, inputs):
    return (output - target).square().flatten(1).mean(1)


def near(output, target, inputs):
    return ((output - target).abs() < 0.1).float().flatten(1).mean(1)


class Tiny(Probe):
    """Does it sum up?"""

    property, version, structure = "summing", 1, "unet"
    scales = {"smoke": Scale("seconds", {"size": 8}, {"epochs": 2}, width=2)}

    def __init__(self, *, size: int = 8, train: int = 32, validation: int = 16, test: int = 16):
        self.size, self.lengths = size, {"train": train, "validation": validation, "test": test}
        self.shape = Shape(1, 1, (size,))
        self.metrics = (
            Metric("error", "lower", 0.0, error, "mean square"),
            Metric("near", "higher", 1.0, near, "share of places", chance=0.0),
        )

    def data(self, split, seed):
        seed = seed if split == "train" else 0
        return Items(self.lengths[split], lambda index: item(self.size, split, seed, index))

    def loss(self, output, target):
        return mse_loss(output, target)

    def oracle(self, inputs):
        return inputs.cumsum(-1) / self.size

    def controls(self):
        return {"constant": Constant()}

    def drawn(self, outputs, targets):
        raise NotImplementedError("pictures take most of the time of so small a run")
'''

NET = '''
"""A network of two convolutions."""

import torch
from torch import nn


class Net(nn.Module):
    """Convolve, bend, convolve."""

    def __init__(self, shape):
        super().__init__()
        self.first = nn.Conv1d(shape.inputs, 2, 3, padding=1)
        self.last = nn.Conv1d(2, shape.outputs, 3, padding=1)

    def forward(self, x):
        hidden = torch.tanh(self.first(x))
        return self.last(hidden)
'''

TRAINER = '''
"""Plain gradient descent, eight items a step."""

import torch

from probekit.plugin.items import read_batch
from probekit.plugin.steps import watch_step


class Descent:
    """Step down."""

    version = 1

    def __init__(self, *, lr: float = 0.1, steps: int = 8):
        self.lr, self.steps, self.step = lr, steps, 0

    def rate(self, step):
        return self.lr

    def fit(self, model, probe, data, *, seed, device, state=None):
        self.step = 0 if state is None else int(state["step"])
        while self.step < self.steps:
            start = 8 * self.step % len(data)
            inputs, targets = read_batch(data, range(start, start + 8))
            loss = probe.loss(model(inputs.to(device)), targets.to(device))
            model.zero_grad()
            loss.backward()
            watch_step(model, loss)
            with torch.no_grad():
                for weight in model.parameters():
                    if weight.grad is not None:
                        weight -= self.rate(self.step) * weight.grad
            self.step += 1
            yield {"step": self.step, "steps": self.steps, "loss": float(loss.detach())}

    def state_dict(self):
        return {"step": self.step}
'''

FILES = {"probe.py": PROBE, "net.py": NET, "trainer.py": TRAINER}
ASKED = {
    "probe": "./probe.py:Tiny",
    "structure": "./net.py:Net",
    "trainer": "supervised(batch=8,epochs=2)",
}
DESCENT = {"trainer": "./trainer.py:Descent"}
