"""What is guarded: a probe's own structure hosts a layer whichever way it comes, and hosts are said."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Run
from small import call
from stores import card_of, put
from torch import Tensor, nn

import probekit
from probekit.catalog.expression import resolve_expression
from probekit.catalog.part import find_part
from probekit.catalog.registry import registry
from probekit.catalog.signature import takes_channels
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit.storage.store import Store

ASKED = "grouping(test=32,train=64,validation=8,paired=false,colours=3,size=16)"
LAYER = """
from torch import nn


class Mine(nn.Module):
    def __init__(self, channels, size, *, kernel: int = 1):
        super().__init__()
        self.mix = nn.Conv1d(channels, channels, kernel, padding="same")

    def forward(self, x):
        return self.mix(x)


def whole(shape, width=8):
    return nn.Conv1d(shape.inputs, shape.outputs, 1)
"""


class Mine(nn.Module):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.mix = nn.Conv1d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.mix(x)
        return mixed


def whole(shape: Shape, width: int = 8) -> nn.Module:
    return nn.Conv1d(shape.inputs, shape.outputs, 1)


def test_a_layer_is_told_from_a_structure_by_its_signature() -> None:
    assert takes_channels(Mine)
    assert not takes_channels(whole)
    assert not takes_channels(lambda: nn.Identity())
    assert not takes_channels(type)
    assert takes_channels(lambda channels, sides: nn.Identity())  # each name suffices
    assert takes_channels(lambda dim, size: nn.Identity())
    for kind, expected in (("layer", True), ("structure", False)):
        for component in registry().components(kind):  # type: ignore[arg-type]
            target = find_part(kind, component.name, registry()).target  # type: ignore[arg-type]
            assert takes_channels(target) is expected, component.name


@pytest.mark.parametrize("words", ["Mine", "Mine(kernel=3)"])
def test_a_layer_of_a_file_is_hosted_by_the_probe_s_structure(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.py").write_text(LAYER)
    monkeypatch.chdir(tmp_path)
    found = resolve_expression(f"./mine.py:{words}", "plain(depth=1)", registry())
    assert found.structure.component.name == "plain"
    assert found.layer is not None
    assert found.layer.component.kind == "layer"
    alone = resolve_expression("./mine.py:whole", "plain(depth=1)", registry())
    assert (alone.layer, alone.structure.component.name) == (None, "whole")
    code, out, _ = call(
        capsys, "run", ASKED, "-s", f"./mine.py:{words}", "--scale", "smoke", "--store", str(tmp_path)
    )
    assert code == 0
    assert f"./mine.py:{words}" in out


def test_a_layer_class_is_hosted_by_the_probe_s_structure(tmp_path: Path) -> None:
    layer = probekit.run(ASKED, Mine, scale="smoke", width=8, store=tmp_path)
    assert layer.plan.structure.startswith("plain(causal=false,conv=0,depth=3,norm=true)+py-mine")
    structure = probekit.run(ASKED, whole, scale="smoke", width=8, store=tmp_path)
    assert structure.plan.structure.startswith("py-whole")


def test_a_module_that_is_built_already_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="built already") as refused:
        probekit.run(ASKED, Mine(8, (16,)), scale="smoke", store=tmp_path)
    assert "Name the class" in str(refused.value)


def test_unlike_hosts_in_a_column_are_said(store: Store) -> None:
    put(store, "unet+average", {0: 0.1})
    put(store, "unet+lambda", {0: 0.1})
    put(store, "unet", {0: 0.1})
    assert not any("unlike networks" in line for line in card_of(store).columns[0].cautions)
    put(store, "plain+window", {0: 0.1})
    (caution,) = [line for line in card_of(store).columns[0].cautions if "unlike networks" in line]
    assert "plain(" in caution
    assert "(unet+average, unet+lambda)" in caution


def test_a_probe_for_networks_says_so_of_a_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--scale", "smoke", "--store", str(tmp_path))
    code, _, err = call(capsys, "run", "rotation", "-s", "unet", *words)
    assert (code, "says nothing of the layer" in err) == (0, False)
    code, _, err = call(capsys, "run", "rotation", "-s", "average", *words)
    assert (code, err.count("rotation: the score says nothing of the layer")) == (0, 1)
    code, out, _ = call(capsys, "card", "unet", "average", "--probe", "rotation", *words)
    assert code == 0
    assert "These rows say nothing of the layers (average): the network around a layer decides" in " ".join(
        out.split()
    )


def test_a_stored_layer_of_a_file_runs_again_as_it_was(probekit: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LAYER)
    words = (
        "run",
        ASKED,
        "-s",
        f"{tmp_path}/mine.py:Mine",
        "--scale",
        "smoke",
        "--store",
        str(tmp_path / "s"),
    )
    assert probekit(*words).returncode == 0
    again = probekit(*words)
    assert "stored earlier" in again.stdout
