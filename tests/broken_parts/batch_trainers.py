"""Trainers on batches: some keep every promise, and each of the others breaks one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from broken_parts.trainers import Trainer


class Batched(Trainer):
    """A trainer that draws batches from its seed, and keeps every promise."""

    def fit(
        self, model: nn.Module, probe: Any, data: Any, *, seed: int, device: Any, state: Any = None
    ) -> Iterator[Mapping[str, float]]:
        self.prepare(model, probe)
        for step in range(self.begun(state) + 1, self.steps + 1):
            order = torch.randperm(len(data), generator=torch.Generator().manual_seed(self.draw(seed, step)))
            columns = zip(*(data[int(i)] for i in order[:16]), strict=True)
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

    def draw(self, seed: int, step: int) -> int:
        return 1000 * seed + step

    def prepare(self, model: nn.Module, probe: Any) -> None:
        """Do what comes before training."""

    def after(self, model: nn.Module, probe: Any) -> None:
        """Do what comes after a step."""


class Stopping(Batched):
    """An honest early stopper: it looks at the validation split, and back to training mode."""

    def after(self, model: nn.Module, probe: Any) -> None:
        data = probe.data("validation", 0)
        inputs, targets = (torch.stack(c) for c in zip(*(data[i] for i in range(8)), strict=True))
        model.eval()
        with torch.no_grad():
            self.best = float(probe.metrics[0].score(model(inputs), targets, inputs).mean())
        model.train()


class SeesTest(Batched):
    def prepare(self, model: nn.Module, probe: Any) -> None:
        probe.data("test", 0)


class SeesHarder(Batched):
    def after(self, model: nn.Module, probe: Any) -> None:
        probe.data("harder", 0)


class InEvalMode(Batched):
    def prepare(self, model: nn.Module, probe: Any) -> None:
        model.eval()


class StaysInEvalMode(Batched):
    """It forgets to go back to training mode after its first validation."""

    def after(self, model: nn.Module, probe: Any) -> None:
        model.eval()


class LeavesHook(Batched):
    def prepare(self, model: nn.Module, probe: Any) -> None:
        model.register_forward_hook(lambda *given: None)


class LeavesBackwardHook(Batched):
    def prepare(self, model: nn.Module, probe: Any) -> None:
        model[2].register_full_backward_hook(lambda *given: None)


class IgnoresSeed(Batched):
    def draw(self, seed: int, step: int) -> int:
        return step


class FixedSeed(Batched):
    def draw(self, seed: int, step: int) -> int:
        return 7


class GlobalDraw(Batched):
    def draw(self, seed: int, step: int) -> int:
        return int(torch.randint(2**31, ()))
