"""Layers: one that keeps every promise, and each of the others breaks one."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin.errors import UsageError


class Good(nn.Module):
    """A layer that keeps every promise."""

    hooks: frozenset[str] = frozenset()

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.use(x, self.mix(x.flatten(2).mT).mT.reshape(x.shape))

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y


class Planar(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        _, _, height, width = x.shape
        return y.reshape(*y.shape[:2], height, width)


class Linear(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y if x.ndim == 3 else y[..., :-1]


class Idle(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.idle = nn.Linear(channels, 3)


class Mixed(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y - y.mean(0)


class Seedless(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.bias = nn.Parameter(torch.full((1,), self.draw()))

    def draw(self) -> float:
        return random.random()

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.bias


NAMES = {f"branch{number}" for number in range(9)}


class Unordered(Good):
    """Its branches are named by a set, which each process goes through in an order of its own."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.branches = nn.ParameterDict()
        for name in self.names():
            self.branches[name] = nn.Parameter(torch.randn(channels))

    def names(self) -> Iterable[str]:
        return NAMES

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        for name in sorted(NAMES):
            y = y + self.branches[name].view(-1, *[1] * (x.ndim - 2))
        return y


class Ordered(Unordered):
    def names(self) -> Iterable[str]:
        return sorted(NAMES)


class Hashed(Seedless):
    """Its bias is one that no seed decides, but the hash of a text."""

    def draw(self) -> float:
        return (hash("bias") % 1000) / 1000


class HashWide(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.wide = nn.Parameter(torch.zeros(hash("width") % 997 + 1))

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.wide.sum()


class HashNamed(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.register_parameter(f"bias{hash('name') % 997}", nn.Parameter(torch.zeros(())))

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + sum(weight for name, weight in self.named_parameters() if name.startswith("bias"))


class Forgetful(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.noise = torch.randn(channels)

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.noise.view(-1, *[1] * (x.ndim - 2))


class Viewed(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + x.view(len(x), -1).mean(1).view(-1, *[1] * (x.ndim - 1))


class Placed(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.register_buffer("one", torch.ones((), device="cpu"))


class Exact(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(x).scatter_add(2, torch.zeros_like(x).long(), y)


class Sly(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return 2 * y if torch.compiler.is_compiling() else y


class Boastful(Good):
    hooks = frozenset({"position"})


class Hostile(nn.Module):
    """Keeps its shape alone, and not in the network of a probe: it caches what cannot carry gradients."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.map = nn.Linear(channels, channels)
        self.kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[1] < 16:
            raise ValueError("so few channels as a small scale has")
        y: Tensor = self.map(x.flatten(2).mT).mT.reshape_as(x)
        return y


class Ranked(Good):
    """A layer whose rank may be 1 to 9, and is in fact checked otherwise."""

    def __init__(
        self, channels: int, size: tuple[int, ...], *, rank: Annotated[int, Field(ge=1, le=9)] = 4
    ) -> None:
        super().__init__(channels, size)
        self.check(rank)

    def check(self, rank: int) -> None:
        if rank > 8:
            raise ValueError("rank must be at most 8")


class Related(Ranked):
    def check(self, rank: int) -> None:
        if rank > 8:
            raise UsageError(f"related(rank={rank})", "these channels are too few", "Type rank=8.")


class Dividing(Ranked):
    """Built at each end, it fails when it answers."""

    def check(self, rank: int) -> None:
        self.rank = rank

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y.unflatten(1, (self.rank, -1)).flatten(1, 2)


class Unranked(Good):
    def __init__(self, channels: int, size: tuple[int, ...], *, rank: PositiveInt = 0) -> None:
        super().__init__(channels, size)
