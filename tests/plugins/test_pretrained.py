"""What is guarded: a depth estimator from a folder is put to a probe as it is, prepared as it asks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small import call, planned
from torch.nn import functional

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit.storage.store import Store
from probekit_plugins.structures.guided_filter import SMOOTH, guided_filter
from probekit_plugins.structures.pretrained import Preparation, Pretrained

SHAPE = Shape(3, 1, (24, 32))
SETTINGS = {"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny DPT with random weights, as save_pretrained writes it."""
    from transformers import DPTConfig, DPTForDepthEstimation

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32, "image_size": 32}
    neck = {"neck_hidden_sizes": [8] * 4, "fusion_hidden_size": 8, "backbone_out_indices": [0, 1, 2, 3]}
    # large weights, so that answers differ
    config = DPTConfig(
        **sizes, **neck, num_hidden_layers=4, patch_size=8, is_hybrid=False, initializer_range=0.5
    )
    path = tmp_path_factory.mktemp("models") / "dpt"
    DPTForDepthEstimation(config).save_pretrained(path)
    (path / "preprocessor_config.json").write_text(json.dumps(SETTINGS))
    return path


def test_a_picture_is_resized_and_normalised_as_the_model_asks_and_the_answer_brought_back(
    folder: Path,
) -> None:
    from transformers import DPTForDepthEstimation

    model, x = Pretrained(SHAPE, model=str(folder)).eval(), torch.rand(2, 3, 24, 32)
    same = DPTForDepthEstimation.from_pretrained(folder).eval()
    large = functional.interpolate(x, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    mean, deviation = (torch.tensor(SETTINGS[name]).view(1, 3, 1, 1) for name in ("image_mean", "image_std"))
    with torch.no_grad():
        depth = same(pixel_values=(large - mean) / deviation).predicted_depth[:, None]
        expected = functional.interpolate(depth, (24, 32), mode="bilinear")
        torch.testing.assert_close(model(x), expected)
        model.metric = True
        inverse = functional.interpolate(1 / depth.clamp(min=1e-3), (24, 32), mode="bilinear")
        torch.testing.assert_close(model(x), inverse)


def test_an_estimate_of_a_larger_picture_is_merged_into_the_model_s_own(folder: Path) -> None:
    model, x = Pretrained(SHAPE, model=str(folder), detail=2).eval(), torch.rand(2, 3, 24, 32)
    with torch.no_grad():
        own, larger = model.estimate_depth(x, (32, 32)), model.estimate_depth(x, (64, 64))
        assert larger.shape[2:] == (128, 128) == tuple(2 * side for side in own.shape[2:])
        merged = guided_filter(functional.interpolate(own, (128, 128), mode="bilinear"), larger, 4)
        torch.testing.assert_close(model(x), functional.interpolate(merged, (24, 32), mode="bilinear"))


def test_merging_fits_a_line_in_each_square_and_takes_their_mean() -> None:
    torch.manual_seed(0)
    base, detail = torch.rand(2, 1, 5, 6).double(), torch.rand(2, 1, 5, 6).double()
    expected = torch.zeros_like(base)
    for item in range(2):
        lines = {}
        for row in range(5):
            for column in range(6):
                here = (item, 0, slice(max(0, row - 1), row + 2), slice(max(0, column - 1), column + 2))
                x, y = detail[here].flatten(), base[here].flatten()
                slack = x.var(correction=0) + SMOOTH * detail[item].var()
                slope = ((x - x.mean()) * (y - y.mean())).mean() / slack
                lines[row, column] = slope, y.mean() - slope * x.mean()
        for row in range(5):
            for column in range(6):
                near = [line for (r, c), line in lines.items() if abs(r - row) < 2 and abs(c - column) < 2]
                here = detail[item, 0, row, column]
                expected[item, 0, row, column] = sum(a * here + b for a, b in near) / len(near)
    torch.testing.assert_close(guided_filter(base, detail, 1), expected)


def test_merging_takes_edges_from_one_and_levels_from_the_other_at_any_scale_and_shift() -> None:
    truth = torch.zeros(1, 1, 64, 64)
    truth[..., 20:40, 20:40] = 1
    blurred = functional.avg_pool2d(truth, 9, stride=1, padding=4)
    merged = guided_filter(blurred, truth, 4)
    step = torch.tensor([19, 20])
    assert float(blurred[0, 0, 30, step].diff()) < 0.12 < 0.4 < float(merged[0, 0, 30, step].diff())
    assert float(merged[0, 0, 30, 30]) > 0.95
    for scale, shift in ((-3, 100), (1e-3, -7)):
        again = guided_filter(blurred, scale * truth + shift, 4)
        torch.testing.assert_close(again, merged, atol=2e-3, rtol=0)
    flat = torch.full((1, 1, 8, 8), 0.3)
    torch.testing.assert_close(guided_filter(flat, flat, 2), flat)


@pytest.mark.parametrize(
    ("settings", "side", "size", "mean"),
    [
        ({}, 384, (384, 384), 0.485),
        ({}, None, None, 0.485),
        ({"size": {"shortest_edge": 256}}, None, (256, 256), 0.485),
        ({"size": 224, "do_normalize": False}, 384, (224, 224), 0.0),
        ({"size": {"height": 384, "width": 512}, "do_resize": False}, None, None, 0.485),
    ],
)
def test_what_a_model_asks_is_read_from_its_settings(
    settings: dict[str, object], side: int | None, size: tuple[int, int] | None, mean: float
) -> None:
    found = Preparation.from_settings(settings, side)
    assert (found.size, found.mean[0]) == (size, mean)


def test_it_runs_without_training_and_stores_the_weights_it_came_with(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "nonlocality(aligned=true, train=32, test=16, validation=8)", "--scale", "smoke"]
    words += ["-s", f"pretrained(model='{folder}')", "--trainer", "none", "--store", str(tmp_path / "runs")]
    code, _, said = call(capsys, *words)
    assert code == 0, said
    ((_, result),) = Store(tmp_path / "runs").read_results()
    assert not isinstance(result, Exception)
    assert (result.status, result.steps) == ("done", 0)
    assert {"loss", "ord", "ord_unaligned"} <= set(result.metrics)
    (stored,) = (tmp_path / "runs").glob("*/weights.safetensors")
    own, theirs = load_file(stored), load_file(folder / "model.safetensors")
    assert all(torch.equal(own[f"network.{name}"], theirs[name]) for name in theirs)


def test_other_files_in_the_folder_are_another_run(folder: Path) -> None:
    def identity() -> str:
        structure = f"pretrained(model='{folder}')"
        return planned(probe="nonlocality", structure=structure, scale="smoke", trainer="none").identity

    before = identity()
    assert identity() == before
    settings = folder / "preprocessor_config.json"
    settings.write_text(json.dumps({**SETTINGS, "image_mean": [0.0, 0.0, 0.0]}))
    try:
        assert identity() != before
    finally:
        settings.write_text(json.dumps(SETTINGS))
    assert identity() == before


@pytest.mark.parametrize("files", [(), ("config.json",), ("config.json", "pytorch_model.bin")])
def test_a_folder_without_safetensors_is_refused_in_a_sentence_and_nothing_is_unpickled(
    files: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    for name in files:
        held = (folder / name).read_bytes() if name == "config.json" else b"cos\nsystem\n"
        (tmp_path / name).write_bytes(held)
    with pytest.raises(UsageError, match="is neither a folder with a depth estimator"):
        Pretrained(SHAPE, model=str(tmp_path))


def test_what_is_no_picture_of_depth_is_refused() -> None:
    with pytest.raises(UsageError, match="maps 3 channels to 1, and the probe has 2 and 2"):
        Pretrained(Shape(2, 2, (32, 32)), model="any")


def test_without_transformers_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"probekit-nn\[pretrained\]"):
        Pretrained(SHAPE, model="any")
