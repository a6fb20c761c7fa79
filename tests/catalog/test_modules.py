"""What is guarded: a module that torch cannot use gets a sentence that says what to write, wherever it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from small import done, knowing, planned
from torch import Tensor, nn

import probekit
from probekit.plugin.components import Component
from probekit.plugin.errors import ProbekitError


@dataclass
class Plain(nn.Module):
    channels: int
    size: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(self.channels, self.channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x)


@dataclass(unsafe_hash=True)
class Hashed(Plain):
    pass


@dataclass
class Forgets(nn.Module):
    channels: int
    size: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        return x


@dataclass(eq=False)
class ForgetsApart(nn.Module):
    channels: int
    size: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        return x


@dataclass
class Late(nn.Module):
    channels: int
    size: tuple[int, ...]

    def __post_init__(self) -> None:
        self.mix = nn.Conv2d(self.channels, self.channels, 1)


class Equal(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)


class Holds(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.ReLU(), Plain(channels, size))


class Visits(Holds):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.apply(lambda module: None)


@dataclass(eq=False)
class Good(nn.Module):
    channels: int
    size: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(self.channels, self.channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mix(x)


@pytest.mark.parametrize(
    ("layer", "found", "write"),
    [
        (Plain, "Plain is a dataclass", "eq=False"),
        (Hashed, "Hashed is a dataclass", "eq=False"),
        (Forgets, "does not call super", "eq=False"),
        (ForgetsApart, "does not call super", "super().__init__()"),
        (Late, "before Module.__init__", "eq=False"),
        (Equal, "has an __eq__ and no __hash__", "__hash__ = torch.nn.Module.__hash__"),
        (Holds, "Plain is a dataclass", "eq=False"),
        (Visits, "unhashable type: 'Plain'", "eq=False"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_module_that_torch_cannot_use_gets_a_sentence(
    layer: Callable[..., Any], found: str, write: str
) -> None:
    known = knowing("odd", lambda shape: nn.Sequential(nn.Conv2d(3, 1, 1), layer(1, shape.size)))
    hosted = known.with_components(Component("layer", "odd-layer", layer, "for a test"))
    for structure in ("odd", "unet+odd-layer"):
        with pytest.raises(ProbekitError) as error:
            planned(hosted, structure=structure)
        assert found in error.value.problem
        assert write in error.value.hint


def test_the_same_from_python() -> None:
    def net(shape: probekit.Shape) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 1, 1), Plain(1, shape.size))

    with pytest.raises(ProbekitError, match="eq=False"):
        probekit.run("nonlocality", net, scale="smoke")


def test_a_dataclass_that_is_told_apart_trains(tmp_path: Any) -> None:
    known = knowing("good", lambda shape: nn.Sequential(nn.Conv2d(3, 1, 1), Good(1, shape.size)))
    assert done(tmp_path, known, structure="good").result.status == "done"
