"""What is guarded: what authors write, and what `probekit new` writes for them, passes `mypy --strict`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from probekit.authors.scaffold import DESCRIPTIONS, create_package
from probekit.catalog.registry import registry

CASES = """
from collections.abc import Callable, Mapping
from typing import Any, Literal, assert_type

from probekit_my_control.control import MyControl
from probekit_my_encoding.encoding import MyEncoding
from probekit_my_executor.executor import MyExecutor
from probekit_my_layer.layer import MyLayer
from probekit_my_metric.metric import make_metric
from probekit_my_observer.observer import MyObserver
from probekit_my_probe.probe import MyProbe
from probekit_my_scale.scale import make_scale
from probekit_my_structure.structure import MyStructure
from probekit_my_trainer.trainer import MyTrainer
from torch import Tensor, nn

from probekit import Constant, Items, Metric, Scale, Shape
from probekit.plugin.encodings import Extra, Mix, Position
from probekit.plugin.executor import Executor
from probekit.plugin.interfaces import (
    Control,
    ControlBuilder,
    Dataset,
    Encoding,
    Layer,
    MetricBuilder,
    Probe,
    ScaleBuilder,
    Structure,
    Trainer,
)


def small(shape: Shape, *, width: int) -> nn.Module:
    return nn.Conv2d(shape.inputs, shape.outputs, 1)


def fixed(shape: Shape) -> nn.Sequential:
    return nn.Sequential()


def hosting(shape: Shape, *, width: int, layer: Callable[..., nn.Module] | None = None) -> nn.Module:
    return nn.Identity()


def wrong(shape: Shape) -> int:
    return 3


executor: Executor = MyExecutor(jobs=2)
no_executor: Executor = MyObserver(path="runs")  # type: ignore[assignment]
structures: list[Structure] = [small, fixed, hosting, MyStructure, lambda: nn.Conv2d(3, 1, 1), nn.Identity]
no_structure: Structure = wrong  # type: ignore[assignment]
layers: list[Layer] = [MyLayer, nn.Linear]


class Placing(nn.Module):
    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x, x, x


class Plain:
    def position(self, queries: object, keys: Tensor, values: object) -> Tensor:
        return keys

    def extra(self) -> Tensor:
        raise NotImplementedError


encodings: list[Encoding] = [Placing(), Plain(), MyEncoding(4, (8,), keys=1, heads=1)]
mixing: list[Mix] = [Placing(), MyEncoding(4, (8,), keys=1, heads=1)]
extra: Extra = Plain()
position: Position = Plain()
no_mix: Mix = Plain()  # type: ignore[assignment]


class Reads(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...], *, encoding: Callable[..., Encoding]) -> None:
        super().__init__()
        self.encoding = encoding(channels, size, keys=2, heads=1)

    def forward(self, x: Tensor) -> Tensor:
        q, _, _ = self.encoding.mix(x)
        placed: Tensor = self.encoding.position(lambda: q, x, lambda: x)
        return x + placed


class ReadsOne(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...], *, encoding: Callable[..., Mix]) -> None:
        super().__init__()
        self.encoding = encoding(channels, size, keys=2, heads=1)

    def forward(self, x: Tensor) -> Tensor:
        assert_type(self.encoding.mix(x), tuple[Tensor, Tensor, Tensor])
        return self.encoding.mix(x)[0]


layers += [Reads, ReadsOne]


def share(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    return (output == target).float().flatten(1).mean(1)


class Bare(Probe):
    property = "agreement"
    version = 1
    structure = "plain"
    scales = {"smoke": Scale("seconds", {}, {}, width=4)}
    metrics = (Metric("share", "higher", 1.0, share, "told"),)

    def __init__(self) -> None:
        self.shape = Shape(2, 1, (32,))

    def data(self, split: Literal["train", "validation", "test"], seed: int) -> Items:
        return Items(1, lambda index: (Tensor(), Tensor()))

    def loss(self, answer: Tensor, truth: Tensor) -> Tensor:
        return (answer - truth).square().mean()

    def oracle(self, images: Tensor) -> Tensor:
        return images

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        return {"constant": Constant(), "small": small}


class Two(Bare):
    def __init__(self) -> None:
        super().__init__()
        self.metrics = (Metric("share", "higher", 1.0, share, "told"),)


class Listed(Bare):
    metrics = [Metric("share", "higher", 1.0, share, "told")]  # type: ignore[assignment]


class Unscored:
    property, version, structure = "agreement", 1, "plain"


class OneByOne:
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return Tensor(), Tensor()


probes: list[Probe] = [Bare(), Two(), MyProbe()]
kinds: list[type[Probe]] = [Bare, Two, MyProbe]
no_probe: Probe = Unscored()  # type: ignore[assignment]
datasets: list[Dataset] = [OneByOne(), Items(1, lambda index: (Tensor(), Tensor()))]
trainer: Trainer = MyTrainer()
kept: Mapping[str, Any] = trainer.state_dict()
metric: MetricBuilder = make_metric
scale: ScaleBuilder = make_scale
no_scale: ScaleBuilder = make_metric  # type: ignore[assignment]
control: ControlBuilder = MyControl
fitted: Control = MyControl(MyProbe())


def local(probe: Probe) -> Callable[..., nn.Module]:
    return small


network: ControlBuilder = local
"""


@pytest.mark.slow
def test_what_authors_write_is_right_to_mypy_strict(tmp_path: Path) -> None:
    written = [create_package(kind, f"my-{kind}", tmp_path, registry()) for kind in DESCRIPTIONS]
    assert len(written) == len(DESCRIPTIONS) == 12
    (tmp_path / "cases.py").write_text(CASES)
    files = [tmp_path / "cases.py", *(path for one in written for path in sorted(one.rglob("*.py")))]
    assert len(files) == 37
    places = [ROOT, ROOT / "plugins", ROOT / "probes", *written]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *map(str, files)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, places))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "Success: no issues found in 37 source files\n"
