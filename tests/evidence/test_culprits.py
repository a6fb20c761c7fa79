"""What is guarded: an exception in a probe becomes a sentence that names the part; the rest is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from broken_parts.probes import Probe, bits
from conftest import ROOT, Run
from torch import Tensor, nn

from probekit import Constant, Items, Shape
from probekit.catalog.registry import registry
from probekit.evidence.certify import Certificate, certify_probe
from probekit.plugin.axis import Axis
from probekit.plugin.components import Component
from probekit.storage.store import Store


def fail(*args: Any, **kwargs: Any) -> Any:
    raise ValueError("a stranger's fault")


class BadMetric(Probe):
    def __init__(self) -> None:
        super().__init__()
        self.metrics = (replace(self.metrics[0], score=fail),)


class FlatMetric(Probe):
    def __init__(self) -> None:
        super().__init__()
        self.metrics = (replace(self.metrics[0], score=lambda output, target, inputs: output.mean()),)


class BadOracle(Probe):
    def oracle(self, inputs: Tensor) -> Tensor:
        return fail()


class WideOracle(Probe):
    def oracle(self, inputs: Tensor) -> Tensor:
        return inputs


class BadControl(Probe):
    def controls(self) -> Any:
        class Broken(Constant):
            def __call__(self, inputs: Tensor) -> Tensor:
                return fail()

        return {"constant": Constant(), "broken": Broken()}


class BadNetwork(Probe):
    def controls(self) -> Any:
        class Broken(nn.Conv1d):
            def forward(self, inputs: Tensor) -> Tensor:
                return fail()

        def build(shape: Shape, *, width: int) -> nn.Module:
            return Broken(shape.inputs, shape.outputs, 1)

        return {"constant": Constant(), "broken": build}


class NoControls(Probe):
    controls = fail


class BadItem(Probe):
    def data(self, split: str, seed: int) -> Items:
        def draw(index: int) -> tuple[Tensor, Tensor]:
            return bits(split, seed, index) if index < 40 else fail()

        return Items(64, draw)


class BadAxis(Probe):
    axis = Axis("size", "bits", "", fail, fail, "higher", (1.0, 2.0))


class BadProof(Probe):
    certified = contents = fail


RAISED = "it raised ValueError: a stranger's fault"
CULPRITS: dict[type[Probe], dict[str, str]] = {
    BadMetric: {"shortcuts": f"the metric share: {RAISED}", "focused": f"the metric share: {RAISED}"},
    FlatMetric: {"shortcuts": "the metric share: it returned () for"},
    BadOracle: {"well-posed": f"the oracle: {RAISED}"},
    WideOracle: {"well-posed": "the oracle: it returned shape ("},
    BadControl: {"focused": f"the control broken: {RAISED}"},
    BadNetwork: {"focused": "the control broken, seed 0: "},
    NoControls: {"focused": f"its method `controls`: {RAISED}"},
    BadItem: {"well-posed": f"drawing its items: {RAISED}", "shortcuts": f"drawing its items: {RAISED}"},
    BadAxis: {"shortcuts": f"the difficulty axis size: {RAISED}"},
    BadProof: {
        "unambiguous": f"its method `certified`: {RAISED}",
        "simple": f"its method `contents`: {RAISED}",
    },
}
"""By probe: the checks that fail, and what each must say."""


def certify(probe: Callable[..., Any], folder: Path) -> Certificate:
    known = registry().with_components(Component("probe", "strange", probe, ""))
    return certify_probe("strange", "quick", known, Store(folder), items=64)


@pytest.mark.parametrize("probe", CULPRITS, ids=lambda probe: probe.__name__)
def test_a_culprit_is_named_and_the_rest_reported(probe: type[Probe], tmp_path: Path) -> None:
    certificate = certify(probe, tmp_path)
    evidence = {check.name: check.evidence for check in certificate.checks if check.holds is False}
    for name, sentence in CULPRITS[probe].items():
        assert sentence in evidence[name]
    assert {"well-posed", "shortcuts", "focused"} <= {check.name for check in certificate.checks}
    sound = {check.name for check in certificate.checks if check.holds}
    assert sound or probe is BadItem  # without items nothing can be checked
    assert list(tmp_path.rglob("certificate.json"))


FILE = """
from broken_parts.probes import Probe

class Mine(Probe):
    def oracle(self, inputs):
        raise ValueError("a stranger's fault")
"""


def test_certify_prints_the_sentence_and_no_traceback(tmp_path: Path, probekit: Run) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    words = ("certify", f"{tmp_path}/mine.py:Mine", "--scale", "quick", "--items", "64")
    ended = probekit(*words, "--store", str(tmp_path / "store"), path=ROOT / "tests")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout + ended.stderr
    assert f"well-posed   FAILS  not measured: the oracle: {RAISED}" in ended.stdout
    assert "distinct     holds" in ended.stdout
    assert "shortcuts, by score in share" in ended.stdout
