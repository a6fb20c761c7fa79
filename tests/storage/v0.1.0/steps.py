"""A trainer of one file, with which version 0.1.0 trained."""

import torch

from probekit.plugin.items import read_batch


class Steps:
    """Plain gradient steps over the training split, eight items each."""

    def __init__(self, *, steps: int = 20, lr: float = 0.1):
        self.steps, self.lr, self.step = steps, lr, 0

    def fit(self, model, probe, data, *, seed, device, state=None):
        self.step = state["step"] if state else 0
        optimiser = torch.optim.SGD(model.parameters(), self.lr)
        for step in range(self.step, self.steps):
            start = step * 8 % (len(data) - 8)
            inputs, targets = read_batch(data, range(start, start + 8))
            loss = probe.loss(model(inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            self.step = step + 1
            yield {"step": self.step, "steps": self.steps, "loss": loss.item()}

    def state_dict(self):
        return {"step": self.step}
