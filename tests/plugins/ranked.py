"""Networks for several processes: what they do depends on the rank, so each is a class of a module."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import torch
from torch import Tensor, nn

import probekit

RANK = "LOCAL_RANK"


class OnRankOne(nn.Module):
    """Does something in rank 1 alone, at its second step."""

    def __init__(self, how: str, mark: Path | None = None) -> None:
        super().__init__()
        self.conv, self.how, self.mark, self.steps = nn.Conv2d(3, 1, 1), how, mark, 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += self.training
        if self.steps == 2 and os.environ.get(RANK) == "1":
            if self.mark is not None:
                self.mark.write_text(str(os.getpid()))
            if self.how == "raise":
                raise ValueError("no more")
            if self.how == "exit":
                sys.exit(0)
            if self.how == "leave":
                os._exit(3)
            time.sleep(600)
        answer: Tensor = self.conv(x)
        return answer


class Aside(nn.Module):
    """Has a weight that its auxiliary loss alone depends on, and hands over what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.aside = nn.Conv2d(3, 1, 1), nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        probekit.auxiliary_loss((self.aside * x.mean((0, 2, 3))).square().sum())
        answer: Tensor = self.conv(x)
        return answer


class OwnGradient(nn.Module):
    """Adds to the gradient of a weight in its forward pass; the loss does not depend on it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.own = nn.Conv2d(3, 1, 1), nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            own = torch.full_like(self.own, 0.25)
            self.own.grad = own if self.own.grad is None else self.own.grad + own
        answer: Tensor = self.conv(x)
        return answer


class Lingering(nn.Module):
    """Starts a thread that never ends, in its first forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.begun = nn.Conv2d(3, 1, 1), False

    def forward(self, x: Tensor) -> Tensor:
        if not self.begun:
            self.begun = True
            threading.Thread(target=time.sleep, args=(1e6,)).start()
        answer: Tensor = self.conv(x)
        return answer


class Hashing(nn.Module):
    """Fails with its process's hash seed."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        raise ValueError(f"the seed is {os.environ['PYTHONHASHSEED']}")
