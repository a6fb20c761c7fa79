"""What is guarded: `data` draws or writes the items Python gets, and overwrites nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from matplotlib.image import imread
from safetensors.torch import load_file
from small import call

import probekit

WORDS = ("data", "nonlocality(test=6)", "--scale", "smoke")
Capture = pytest.CaptureFixture[str]


def test_a_preview_is_a_picture_named_after_what_it_shows(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *WORDS, "--count", "3")
    assert (code, out) == (0, "")
    assert err == "wrote a picture of 3 of 6 items to nonlocality-test-6-smoke-test.png\n"
    assert imread(tmp_path / "nonlocality-test-6-smoke-test.png").std() > 0.1


def test_the_split_written_is_the_split_python_gets(tmp_path: Path, capsys: Capture) -> None:
    file, folder = tmp_path / "split.safetensors", tmp_path / "split"
    code, _, _ = call(capsys, *WORDS, "--safetensors", str(file), "--png", str(folder))
    assert code == 0
    tensors = load_file(file)
    data = probekit.data("nonlocality", scale="smoke", test=6)
    assert tensors.keys() == {"inputs", "targets"}
    assert len(tensors["inputs"]) == len(data) == 6
    assert len(list(folder.iterdir())) == 12
    for index in range(6):
        image, depth = data[index]
        assert torch.equal(tensors["inputs"][index], image)
        assert torch.equal(tensors["targets"][index], depth)
        colours = torch.from_numpy(imread(folder / f"{index:05d}-input.png"))[..., :3].permute(2, 0, 1)
        assert torch.allclose(colours, image, atol=0.5 / 255)
        grey = torch.from_numpy(imread(folder / f"{index:05d}-target.png"))[..., 0]
        assert torch.allclose(grey, depth[0], atol=0.5 / 255)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["split", "split.safetensors"]


@pytest.mark.parametrize("option", ["--preview", "--safetensors", "--png"])
def test_nothing_is_overwritten(option: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "mine").write_text("mine")
    code, _, err = call(capsys, *WORDS, option, str(tmp_path / "mine"))
    assert code == 2
    assert "it already exists" in err
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("option", ["--preview", "--safetensors", "--png"])
def test_a_place_that_cannot_be_written_is_named(option: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").touch()
    code, _, err = call(capsys, *WORDS, option, str(tmp_path / "file" / "below"))
    assert code == 1
    assert "choose another path" in err
    assert err.startswith("probekit: writing ")
