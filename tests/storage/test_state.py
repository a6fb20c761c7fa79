"""What is guarded: a state comes back from a file as it was, in memory order too, and holds nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from probekit.storage.folder import Folder
from probekit.storage.state import pack_state, unpack_state


def through_file(folder: Path, state: Any) -> Any:
    tensors, rest = pack_state(state, "it")
    Folder(folder).write_tensors("state.safetensors", tensors, {"rest": rest})
    read, about = Folder(folder).read_tensors("state.safetensors")
    return unpack_state(about["rest"], read)


def test_a_state_may_hold_infinity_which_its_file_does_not(tmp_path: Path) -> None:
    state = {"best": float("inf"), "worst": [float("-inf"), {"none": float("nan")}], "count": 3.5}
    back = through_file(tmp_path, state)
    assert (back["best"], back["worst"][0], back["count"]) == (float("inf"), float("-inf"), 3.5)
    assert back["worst"][1]["none"] != back["worst"][1]["none"]
    content = (tmp_path / "state.safetensors").read_bytes()
    assert b"Infinity" not in content
    assert b"NaN" not in content


def test_a_state_comes_back_with_types_and_nesting(tmp_path: Path) -> None:
    state: dict[str, Any] = {
        "step": 3,
        "rate": 0.1,
        "name": "a/b",
        "none": None,
        "moments": [{"0": torch.arange(3), "flag": torch.tensor(True)}, [1, 2.5, "x"]],
        "scalar": torch.tensor(2.0, dtype=torch.float64),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "empty": {},
    }
    back = through_file(tmp_path, state)
    assert back.keys() == state.keys()
    assert back["step"] == 3
    assert back["rate"] == 0.1
    assert back["none"] is None
    assert back["empty"] == {}
    assert back["moments"][1] == [1, 2.5, "x"]
    for one, other in (
        (back["moments"][0]["0"], state["moments"][0]["0"]),
        (back["moments"][0]["flag"], state["moments"][0]["flag"]),
        (back["scalar"], state["scalar"]),
        (back["half"], state["half"]),
    ):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


@pytest.mark.parametrize("layout", ["contiguous", "channels last", "transposed", "expanded"])
def test_a_tensor_lies_in_memory_as_it_lay(layout: str, tmp_path: Path) -> None:
    tensor = torch.arange(2 * 3 * 4 * 5.0).view(2, 3, 4, 5)
    if layout == "channels last":
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    if layout == "transposed":
        tensor = tensor.transpose(1, 3)
    if layout == "expanded":
        tensor = tensor[:1].expand(2, 3, 4, 5)
    back = through_file(tmp_path, {"it": tensor})["it"]
    assert torch.equal(back, tensor)
    assert back.stride() == torch.empty_like(tensor).stride()


def test_tied_weights_are_kept(tmp_path: Path) -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    back = through_file(tmp_path, dict(model.state_dict()))
    assert torch.equal(back["0.weight"], back["1.weight"])
    assert torch.equal(back["0.weight"], first.weight)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": [{1, 2}]}, b"bytes"])
def test_what_is_neither_a_tensor_nor_json_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="it"):
        pack_state({"value": value}, "it")
