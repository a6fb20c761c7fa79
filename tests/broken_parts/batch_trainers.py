"""Trainers on batches: some keep every promise, and each of the others breaks one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from broken_parts.trainers import Trainer


class Batched(Trainer):
    """A trainer that draws batches from its seed, and keeps every promise."""

    def choose_items(self, count: int, seed: int, step: int) -> Sequence[int]:
        generator = torch.Generator().manual_seed(self.draw(seed, step))
        return torch.randperm(count, generator=generator)[:16].tolist()

    def draw(self, seed: int, step: int) -> int:
        return 1000 * seed + step


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
