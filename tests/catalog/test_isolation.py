"""What is guarded: what one component does to the process no other feels, and what breaks, breaks alone."""

from __future__ import annotations

import functools
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small import PROBE, call, done, knowing
from torch import Tensor, nn

from probekit.catalog.expression import resolve_expression
from probekit.catalog.isolation import Isolation, list_settings
from probekit.plans.budget import count_parameters
from probekit.plugin.errors import ProbekitError
from probekit.plugin.interfaces import Shape
from probekit.storage.store import Store

CHANGES: dict[str, Callable[[], Any]] = {
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "gradient mode": lambda: torch.set_grad_enabled(False),
    "number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "flushing of denormal numbers": lambda: torch.set_flush_denormal(True),
    "deterministic algorithms": lambda: torch.use_deterministic_algorithms(True),
    "numpy's error state": lambda: np.seterr(all="raise"),
    "working directory": lambda: os.chdir("/"),
    "environment variables": lambda: os.environ.update(PROBEKIT_HOME="/nowhere", ODD="1"),
    "warnings filters": lambda: warnings.simplefilter("error"),
    "recursion limit": lambda: sys.setrecursionlimit(5000),
}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_what_was_changed_is_put_back_and_named(what: str, ends: str) -> None:
    before = [setting.get_value() for setting in list_settings()]
    filters = list(warnings.filters)
    isolation = Isolation()
    try:
        with isolation.guard("building"):
            CHANGES[what]()
            if ends == "badly":
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert [setting.get_value() for setting in list_settings()] == before
    assert list(warnings.filters) == filters
    assert what in isolation.put_back["building"]  # torch's own first use of a thing may change another


def test_nothing_is_named_where_nothing_was_changed() -> None:
    isolation = Isolation()
    with isolation.guard("building"):
        torch.rand(3)
    assert isolation.put_back == {}


class Rude(nn.Module):
    """Changes the process as it is built and as it answers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        torch.set_default_dtype(torch.float64)
        self.map = nn.Conv2d(shape.inputs, shape.outputs, 1, dtype=torch.float32)
        os.chdir("/")

    def forward(self, x: Tensor) -> Tensor:
        os.environ["RUDE"] = "1"
        y: Tensor = self.map(x)
        return y


def test_a_run_says_what_its_code_changed_and_the_next_feels_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = done(Path("runs"), knowing("rude", Rude), structure="rude")
    assert outcome.result.status == "done", outcome.result.error
    assert set(outcome.result.put_back["building"]) >= {"default dtype", "working directory"}
    assert outcome.result.put_back["training"] == ("environment variables",)
    assert Path.cwd() == tmp_path
    assert torch.get_default_dtype() == torch.float32
    assert "RUDE" not in os.environ
    assert outcome.folder.path.parent == tmp_path / "runs"


def test_the_store_s_path_is_made_absolute_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert Store("runs").root == tmp_path / "runs"
    assert Store("~/kept").root == tmp_path / "kept"
    monkeypatch.setenv("PROBEKIT_HOME", "~/home")
    assert Store().root == tmp_path / "home"


BROKEN = """
from torch import nn


def lazy(shape):
    return nn.LazyConv2d(shape.outputs, 1)


def division(shape, *, heads: int = 0):
    return nn.Conv2d(shape.inputs, shape.outputs // heads, 1)


def nothing(shape):
    return None


class Step:
    @staticmethod
    def width_step(**params):
        raise AttributeError("no such thing")

    def __new__(cls, shape, *, width):
        return nn.Conv2d(shape.inputs, shape.outputs, 1)


def good(shape):
    return nn.Conv2d(shape.inputs, shape.outputs, 1)
"""


@pytest.mark.parametrize("name", ["lazy", "division", "nothing", "Step"])
def test_a_structure_that_cannot_be_planned_fails_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.py").write_text(BROKEN)
    words = ("run", PROBE, "-s", f"./odd.py:{name}", "-s", "./odd.py:good", "--scale", "smoke", "--json")
    code, out, err = call(capsys, *words, "--trainer", "supervised(batch=16,epochs=1)", "--store", "runs")
    assert code == 1
    assert [row["status"] for row in json.loads(out)] == ["done"]
    assert "odd.py" in err
    assert "Traceback" not in err


@functools.cache
def grid(side: int) -> Tensor:
    return torch.arange(side).float()


class Cached(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.map = nn.Conv2d(shape.inputs, shape.outputs, 1)
        self.grid = grid(shape.size[0])

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.map(x) + self.grid
        return y


def test_what_a_layer_keeps_for_the_next_has_its_values_after_counting(tmp_path: Path) -> None:
    grid.cache_clear()
    outcome = done(tmp_path, knowing("cached", Cached), structure="cached")
    assert outcome.result.status == "done", outcome.result.error
    assert not grid(16).is_meta


def huge(shape: Shape) -> nn.Module:
    return nn.Linear(1 << 17, 1 << 17)


def lazy(shape: Shape) -> nn.Module:
    return nn.LazyConv2d(1, 1)


def test_a_network_too_large_to_be_made_is_counted_without_memory() -> None:
    large = resolve_expression("huge", "unet", knowing("huge", huge))
    assert count_parameters(large, Shape(3, 1, (8, 8)), None) == (1 << 34) + (1 << 17)


def test_a_lazy_module_is_told_what_to_do() -> None:
    found = resolve_expression("lazy", "unet", knowing("lazy", lazy))
    with pytest.raises(ProbekitError, match="no lazy modules"):
        count_parameters(found, Shape(3, 1, (8, 8)), None)


def test_a_filter_of_a_librarys_own_warning_is_no_change_and_one_of_pythons_is() -> None:
    class Own(UserWarning):
        pass

    found = []
    for category in (Own, UserWarning):
        isolation = Isolation()
        with isolation.guard("importing"):
            warnings.simplefilter("always", category)
        found.append(isolation.put_back)
    assert found == [{}, {"importing": ("warnings filters",)}]
