"""Schedule-free AdamW (Defazio et al. 2024, "The Road Less Scheduled", arXiv:2405.15682, algorithm 1)."""

from typing import Annotated

import torch
from pydantic import Field


class ScheduleFree(torch.optim.Optimizer):
    """Take gradients at y, between AdamW's iterates z and their average x; x is the result.

    Args:
        momentum: the share of x in y, the paper's beta_1.
        beta: decay of the average of squared gradients, the paper's beta_2.
    """

    keeps_lr = True

    def __init__(
        self,
        params,
        *,
        lr,
        weight_decay,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        beta: Annotated[float, Field(ge=0, lt=1)] = 0.999,
    ):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.momentum, self.beta = momentum, beta

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for y in group["params"]:
                if y.grad is not None:
                    self.step_weight(y, group["lr"], group["weight_decay"])

    def step_weight(self, y, lr, weight_decay):
        state = self.state[y]
        if not state:
            state |= {"x": y.clone(), "z": y.clone(), "v": torch.zeros_like(y), "step": 0, "squares": 0.0}
        state["step"] += 1
        state["squares"] += lr**2  # rates of the warm-up count less in the average
        x, z, v = state["x"], state["z"], state["v"]
        v.lerp_(y.grad.square(), 1 - self.beta)
        deviation = (v / (1 - self.beta ** state["step"])).sqrt() + 1e-8
        z.sub_(lr * (y.grad / deviation + weight_decay * y))
        x.lerp_(z, lr**2 / state["squares"] if lr else 0.0)
        y.copy_(torch.lerp(z, x, self.momentum))

    def finish(self):
        for y, state in self.state.items():
            y.copy_(state["x"])
