"""Optimisers: some keep every promise, and each of the others breaks one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


class Descent(torch.optim.Optimizer):
    """Momentum and decoupled weight decay; it keeps every promise."""

    def __init__(self, params: Any, *, lr: float, weight_decay: float, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.momentum = momentum

    def list_weights(self) -> Iterator[tuple[dict[str, Any], Tensor]]:
        for group in self.param_groups:
            yield from ((group, weight) for weight in group["params"] if weight.grad is not None)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group, weight in self.list_weights():
            moment = self.find_moment(weight).mul_(self.momentum).add_(weight.grad)
            lr = self.read_rate(group)
            weight.mul_(1 - lr * self.read_decay(group)).sub_(lr * moment)

    def find_moment(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["moment"] = torch.zeros_like(weight)
        moment: Tensor = state["moment"]
        return moment

    def read_rate(self, group: dict[str, Any]) -> float:
        return float(group["lr"])

    def read_decay(self, group: dict[str, Any]) -> float:
        return float(group["weight_decay"])


class Averaging(Descent):
    """It ends with the mean of the weights of all steps, at a constant rate."""

    keeps_lr = True

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        for _, weight in self.list_weights():
            state = self.state[weight]
            state["steps"] = state.get("steps", torch.zeros(())) + 1
            mean = state.setdefault("mean", weight.clone())
            mean.lerp_(weight, float(1 / state["steps"]))

    def finish(self) -> None:
        for weight, state in self.state.items():
            weight.copy_(state["mean"])


class IgnoresRate(Descent):
    def read_rate(self, group: dict[str, Any]) -> float:
        return 0.01


class RemembersRate(Descent):
    """It reads the rate when it is built, and so ignores the schedule."""

    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        self.rate = lr

    def read_rate(self, group: dict[str, Any]) -> float:
        return self.rate


class RateBySign(Descent):
    """It stands still at a rate of zero, and otherwise has a rate of its own."""

    def read_rate(self, group: dict[str, Any]) -> float:
        return 0.01 if group["lr"] else 0.0


class MatricesOnly(Descent):
    def list_weights(self) -> Iterator[tuple[dict[str, Any], Tensor]]:
        yield from (pair for pair in super().list_weights() if pair[1].ndim == 2)


class FirstGroup(Descent):
    def list_weights(self) -> Iterator[tuple[dict[str, Any], Tensor]]:
        yield from (pair for pair in super().list_weights() if pair[0] is self.param_groups[0])


class NoDecay(Descent):
    def read_decay(self, group: dict[str, Any]) -> float:
        return 0.0


class DecaysAll(Descent):
    """It decays biases by the decay of the first group."""

    def read_decay(self, group: dict[str, Any]) -> float:
        return float(self.param_groups[0]["weight_decay"])


class Growing(Descent):
    def read_decay(self, group: dict[str, Any]) -> float:
        return -float(group["weight_decay"])


class DropsDecay(Descent):
    """Its groups do not have the decay that it was passed."""

    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        weights = [weight for group in params for weight in group["params"]]
        super().__init__([{"params": weights}], lr=lr, weight_decay=weight_decay)


class StepsWhenBuilt(Descent):
    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        self.step()


class Threads(Descent):
    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        torch.set_num_threads(torch.get_num_threads() + 1)


class NoGradients(Descent):
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        torch.set_grad_enabled(False)


class Noisy(Descent):
    def find_moment(self, weight: Tensor) -> Tensor:
        return super().find_moment(weight).add_(1e-3 * torch.randn_like(weight))


class Rolling(Descent):
    """It draws from Python's generator and does not use the number."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        random.random()
        super().step()


class Forgets(Descent):
    """Its moments are attributes, which are not stored."""

    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay)
        self.moments: dict[Tensor, Tensor] = {}

    def find_moment(self, weight: Tensor) -> Tensor:
        return self.moments.setdefault(weight, torch.zeros_like(weight))


class CountsInGroup(Descent):
    """Its rate depends on a counter in its groups, which are not stored."""

    def read_rate(self, group: dict[str, Any]) -> float:
        group["count"] = group.get("count", 0) + 1
        return float(group["lr"]) / float(group["count"]) ** 0.5


class Unstorable(Descent):
    def find_moment(self, weight: Tensor) -> Tensor:
        self.state[weight]["names"] = {"a", "b"}
        return self.state[weight].setdefault("moment", torch.zeros_like(weight))  # type: ignore[no-any-return]


class MovesUnused(Descent):
    """It decays weights that have no gradient."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step()
        for group in self.param_groups:
            for weight in group["params"]:
                weight.mul_(1 - group["lr"] * group["weight_decay"])


class Ascends(Descent):
    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group, weight in self.list_weights():
            lr = self.read_rate(group)
            weight.mul_(1 - lr * self.read_decay(group)).add_(lr * weight.grad)


class FinishesTwice(Averaging):
    def finish(self) -> None:
        for weight, state in self.state.items():
            weight.lerp_(state["mean"], 0.5)


class PositionalRate(Descent):
    """Its rate and decay have other names than the host passes."""

    def __init__(self, params: Any, *, rate: float = 0.1) -> None:
        super().__init__(params, lr=rate, weight_decay=0.0)


class Stepper:
    """It has the methods of an optimiser, and is none."""

    def __init__(self, params: Any, *, lr: float, weight_decay: float) -> None:
        self.param_groups = [{**group, "lr": lr} for group in params]

    def step(self) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.sub_(group["lr"] * weight.grad)

    def state_dict(self) -> dict[str, Any]:
        return {}


def build_nothing(params: Any, *, lr: float, weight_decay: float) -> None:
    """Return no optimiser."""
