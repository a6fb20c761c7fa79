"""What is guarded: Python code gets results and data by one call each, and a callable is a structure."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from small import ASKED
from torch import nn

import probekit
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Shape


def pointwise(shape: Shape) -> nn.Module:
    """One pixel at a time."""
    return nn.Conv2d(shape.inputs, shape.outputs, 1)


class Wide(nn.Sequential):
    def __init__(self, shape: Shape, *, width: int) -> None:
        super().__init__(nn.Conv2d(shape.inputs, width, 3, padding=1), nn.Conv2d(width, shape.outputs, 1))


def crooked(shape: Shape) -> nn.Module:
    return nn.Conv2d(shape.inputs, shape.outputs, 2)


def put(structure: str | Callable[..., Any], store: Path, **given: Any) -> probekit.Result:
    asked = {**ASKED, "device": "cpu", **given}
    return probekit.run(
        structure=structure, store=store, **{k: v for k, v in asked.items() if k != "structure"}
    )


def test_a_text_is_run_once_and_then_taken_from_the_store(tmp_path: Path) -> None:
    first = put("unet+average", tmp_path)
    assert first.status == "done"
    assert put("unet+average", tmp_path) == first
    assert len(list(tmp_path.iterdir())) == 1
    forced = put("unet+average", tmp_path, force=True)
    assert forced.weights == first.weights
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("structure", "name", "parameters"),
    [
        (pointwise, "py-pointwise", 4),
        (Wide, "py-wide", 4 * 28 + 5),
        (functools.partial(Wide, width=2), "py-callable", 2 * 28 + 3),
        (lambda shape: pointwise(shape), "py-lambda", 4),
        (lambda: nn.Conv2d(3, 1, 1), "py-lambda", 4),
    ],
    ids=["function", "class with width", "partial", "lambda", "without shape"],
)
def test_any_callable_that_builds_a_module_is_a_structure(
    structure: Callable[..., Any], name: str, parameters: int, tmp_path: Path
) -> None:
    result = put(structure, tmp_path)
    assert result.status == "done"
    assert result.plan.spec.structure == name
    assert result.plan.parameters == parameters
    put(structure, tmp_path)  # it is replayed, and taken from the store
    assert len(list(tmp_path.iterdir())) == 1


def test_a_width_reaches_the_callable_and_moves_the_identity(tmp_path: Path) -> None:
    results = [put(Wide, tmp_path, width=width) for width in (2, 3)]
    assert [result.plan.parameters for result in results] == [2 * 28 + 3, 3 * 28 + 4]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_run_that_fails_raises_and_names_its_folder(tmp_path: Path) -> None:
    with pytest.raises(
        RunError, match=r"py-crooked on nonlocality.*the probe needs \(1, 1, 16, 16\)"
    ) as raised:
        put(crooked, tmp_path)
    (folder,) = tmp_path.iterdir()
    assert str(folder) in str(raised.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"structure": 3}, "neither text nor callable"),
        ({"structure": "unet", "device": "abacus"}, "--device abacus: this machine has"),
        ({"structure": "unet", "device": "cuda:99"}, "--device cuda:99: this machine has"),
        ({"structure": "unet", "device": "cpu:"}, "--device cpu:"),
        ({"structure": "unet", "width": 4, "budget": 9}, "exclude each other"),
        ({"structure": "unet", "scale": "huge"}, "there is no such scale"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(probekit.UsageError, match=said):
        put(store=tmp_path, **given)
    assert list(tmp_path.iterdir()) == []


def test_data_is_a_torch_dataset_of_what_the_scale_says() -> None:
    images = probekit.data("nonlocality", split="test", scale="paper", seed=0)
    image, depth = images[0]
    assert (image.shape, image.dtype) == ((3, 128, 128), torch.float32)
    assert (depth.shape, depth.dtype) == ((1, 128, 128), torch.float32)
    assert 0 <= image.min() <= image.max() <= 1
    few: Any = probekit.data("nonlocality", scale="smoke", test=8)
    loader: Any = torch.utils.data.DataLoader(few, batch_size=4)
    assert [tuple(inputs.shape) for inputs, _ in loader] == [(4, 3, 16, 16)] * 2


def test_data_takes_parameters_of_the_probe_and_refuses_others() -> None:
    assert len(probekit.data("nonlocality(test=7)", scale="smoke")) == 7
    assert len(probekit.data("nonlocality(test=7)", scale="smoke", test=9)) == 9
    for asked, said in (({"split": "tests"}, "no such split"), ({"sizes": 3}, "no such parameter")):
        with pytest.raises(probekit.UsageError, match=said):
            probekit.data("nonlocality", **asked)
