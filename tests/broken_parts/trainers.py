"""Trainers: one that keeps every promise, and each of the others breaks one."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn


class Trainer:
    """A trainer that keeps every promise."""

    def __init__(self, *, steps: int = 6) -> None:
        self.steps, self.step = steps, 0

    def fit(
        self, model: nn.Module, probe: Any, data: Any, *, seed: int, device: Any, state: Any = None
    ) -> Iterator[Mapping[str, float]]:
        self.prepare(model, probe)
        for step in range(self.begun(state) + 1, self.steps + 1):
            columns = zip(*(data[i] for i in self.choose_items(len(data), seed, step)), strict=True)
            inputs, targets = (torch.stack(column) for column in columns)
            loss = probe.loss(model(inputs), targets)
            model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for weight in model.parameters():
                    weight.sub_(self.rate() * weight.grad)
            self.step = step
            self.after(model, probe)
            yield {"step": step, "steps": self.steps, "loss": loss.item()}

    def choose_items(self, count: int, seed: int, step: int) -> Sequence[int]:
        return range(count)

    def prepare(self, model: nn.Module, probe: Any) -> None:
        """Do what comes before training."""

    def after(self, model: nn.Module, probe: Any) -> None:
        """Do what comes after a step."""

    def begun(self, state: Any) -> int:
        return 0 if state is None else int(state["step"])

    def rate(self) -> float:
        return 0.05

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}


class Endless(Trainer):
    def fit(self, *args: Any, **given: Any) -> Iterator[Mapping[str, float]]:
        for row in super().fit(*args, **given):
            yield {**row, "steps": 99}


class Lazy(Trainer):
    def rate(self) -> float:
        return 0.0


class Moody(Trainer):
    def rate(self) -> float:
        return 0.05 * random.random()


class Restarting(Trainer):
    def begun(self, state: Any) -> int:
        return 0


class Timid(Trainer):
    def __init__(self, *, momentum: Annotated[float, Field(ge=0, le=1)] = 0.9) -> None:
        super().__init__()
        self.span = 1 / (1 - momentum)
