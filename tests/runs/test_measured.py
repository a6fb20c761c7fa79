"""What is guarded: a run stores over what it was measured, constants, and layers that approximate nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small import call, done
from torch import Tensor, nn

import probekit
from probekit.catalog.registry import registry
from probekit.plugin.components import Component
from probekit.plugin.interfaces import Shape

Capture = pytest.CaptureFixture[str]


class Constant(nn.Module):
    """One answer to everything, whatever it learns."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.zeros(shape.outputs))

    def forward(self, x: Tensor) -> Tensor:
        answer = self.answer.view(1, -1, *(1,) * (x.ndim - 2))
        return answer.expand(len(x), -1, *x.shape[2:]) + 0 * x[:, :1]


def test_a_constant_network_is_stored_and_called_constant(tmp_path: Path) -> None:
    result = probekit.run("translation", Constant, scale="smoke", store=tmp_path)
    assert result.constant
    assert "equivariance_error" not in result.measured
    assert result.measured_items["equivariance_error"] == 108
    assert not result.missing
    card = probekit.card(store=tmp_path)
    assert card.columns[0].cells[0].verdict.measured.startswith("constant")


def test_a_layer_that_approximates_nothing_is_told_once_and_stored(tmp_path: Path, capsys: Capture) -> None:
    probe = "grouping(size=32,colours=16)"
    words = ("run", probe, "-s", "reformer", "--scale", "smoke", "--store", str(tmp_path))
    code, out, err = call(capsys, *words, "--seeds", "2", "--jobs", "1")
    assert code == 0, err
    line = "scale smoke: reformer on 32 positions: with chunks of 32 positions every position"
    assert err.count("reformer on 32 positions") == err.count(line) == 1
    assert "reformer on 32" not in out
    for path in tmp_path.glob("*/result.json"):
        stored = json.loads(path.read_text())
        assert len(stored["degenerate"]) == 1
        assert stored["measured_items"] == {"receptive_radius": 64, "equivariance_error": 64}
        assert stored["constant"] is False
    code, _, err = call(capsys, *words, "--seeds", "2", "--jobs", "1")  # from the store
    assert (code, err.count(line)) == (0, 1)
    code, out, err = call(capsys, *words, "--all")
    assert "Measured: equivariance_error" in out
    assert "over 64 test items drawn at random." in " ".join(out.split())
    code, out, err = call(capsys, "card", "--store", str(tmp_path), "--md", "-")
    assert code == 0, err
    assert "reformer on 32 positions: with chunks of 32 positions" in out


def test_a_layer_that_approximates_is_not_told(tmp_path: Path, capsys: Capture) -> None:
    words = ("run", "grouping(size=32,colours=16)", "--scale", "smoke", "--store", str(tmp_path))
    code, _, err = call(capsys, *words, "-s", "reformer(bucket=8)")
    assert code == 0, err
    assert "positions:" not in err
    (path,) = tmp_path.glob("*/result.json")
    assert json.loads(path.read_text())["degenerate"] == []


class Vague(nn.Identity):
    """A layer that does not know what it amounts to."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()

    @staticmethod
    def degenerate_at(size: tuple[int, ...], **_: Any) -> str:
        raise ValueError("no idea")


def test_a_layer_that_cannot_tell_leaves_the_reason(tmp_path: Path) -> None:
    known = registry().with_components(Component("layer", "vague", Vague, "for a test"))
    result = done(tmp_path, known, structure="unet+vague").result
    assert result.status == "done"
    assert result.degenerate == ()
    assert result.missing == {"degenerate layers": "it raises ValueError: no idea"}
