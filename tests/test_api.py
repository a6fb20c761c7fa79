"""What is guarded: results, networks, cards and certificates can be held in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Run
from small import PROBE
from torch import Tensor, nn

import probekit
from probekit.plugin.errors import RunError, StoreError, UsageError
from probekit.plugin.interfaces import Shape
from probekit.storage.folder import WEIGHTS
from probekit_probes.nonlocality.probe import Nonlocality

WORDS: dict[str, Any] = {"scale": "smoke", "trainer": "supervised(batch=16,epochs=1)", "device": "cpu"}
IMG = "<img src=x onerror=alert(1)>"


def tiny(shape: Shape, width: int) -> nn.Module:
    return nn.Conv2d(shape.inputs, shape.outputs, 3, padding=1)


class Falling(nn.Conv2d):
    def __init__(self, shape: Shape) -> None:
        super().__init__(shape.inputs, shape.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        raise ValueError(IMG)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two structures, two seeds each."""
    folder = tmp_path_factory.mktemp("store")
    for structure in ("unet", "unet+average"):
        probekit.run(PROBE, structure, seeds=2, store=folder, **WORDS)
    return folder


def test_seeds_are_a_sequence_of_results_that_is_reused(store: Path) -> None:
    found = probekit.run(PROBE, "unet", seeds=2, store=store, **WORDS)
    assert [one.plan.seed for one in found] == [0, 1]
    assert found[0] == probekit.run(PROBE, "unet", store=store, **WORDS)
    assert isinstance(found[:1], probekit.Results)
    assert len(probekit.results(store=store)) == 4
    assert [one.plan.seed for one in probekit.run(PROBE, "unet", seeds=[1, 0], store=store, **WORDS)] == [
        1,
        0,
    ]
    for wrong in ({"seeds": 0}, {"seeds": []}, {"seeds": 2, "seed": 1}):
        with pytest.raises(UsageError, match="seeds="):
            probekit.run(PROBE, "unet", store=store, **WORDS, **wrong)  # type: ignore[call-overload]


def test_results_are_filtered_and_what_cannot_be_read_is_named(store: Path, tmp_path: Path) -> None:
    found = probekit.results(store=store)
    assert [one.plan.seed for one in found.where(structure="unet+average")] == [0, 1]
    assert len(found.where(structure="unet", seed=1)) == 1
    with pytest.raises(UsageError, match="seeds: no such field"):
        found.where(seeds=1)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/result.json").write_text("{")
    assert probekit.results(store=tmp_path).left_out == ("broken: it is not whole JSON (JSONDecodeError)",)


def test_a_frame_has_a_row_a_run_and_the_columns_that_are_documented(store: Path) -> None:
    pytest.importorskip("pandas")
    frame = probekit.results(store=store).frame()
    assert list(frame["structure"]) == ["unet+average", "unet+average", "unet", "unet"]
    assert {"loss", "loss_train", "loss_floor", "loss_low", "loss_high", "measured_receptive_radius"} <= set(
        frame
    )
    assert (frame["loss_low"] <= frame["loss"]).all()
    assert frame.groupby("structure")["loss"].mean().notna().all()


@pytest.mark.parametrize("way", ["result", "folder"])
def test_a_loaded_network_answers_as_it_was_scored(way: str, store: Path) -> None:
    result = probekit.run(PROBE, "unet+average", store=store, **WORDS)
    (folder,) = store.glob("*-unet-average-smoke-s0-*")
    model = probekit.load(result, store=store) if way == "result" else probekit.load(folder)
    assert not model.training
    data = probekit.data(PROBE, scale="smoke")
    inputs, targets = (torch.stack(part) for part in zip(*(data[i] for i in range(len(data))), strict=True))
    with torch.no_grad():
        scores = Nonlocality().metrics[0].score(model(inputs), targets, inputs)
    assert float(scores.mean()) == pytest.approx(result.metrics["loss"], rel=1e-4)


def test_what_cannot_be_loaded_says_why(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        probekit.load(tmp_path / "nowhere")
    result = probekit.run(PROBE, "unet", store=store, **WORDS)
    with pytest.raises(UsageError, match="it is not in"):
        probekit.load(result, store=tmp_path)
    made = probekit.run(PROBE, tiny, store=tmp_path, **WORDS)
    assert probekit.load(made, store=tmp_path, structure=tiny)(torch.zeros(1, 3, 16, 16)).shape == (
        1,
        1,
        16,
        16,
    )
    (folder,) = tmp_path.glob("*py-tiny*")
    (folder / WEIGHTS).write_bytes(b"half")
    with pytest.raises(StoreError, match=r"weights\.safetensors is truncated"):
        probekit.load(folder, structure=tiny)
    with pytest.raises(RunError, match="ValueError"):
        probekit.run(PROBE, Falling, store=tmp_path, **WORDS)
    (failed,) = tmp_path.glob("*py-falling*")
    with pytest.raises(RunError, match="it failed: ValueError"):
        probekit.load(failed, structure=Falling)


def test_code_is_loaded_when_it_is_allowed_and_the_one_that_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "from torch import nn\n\ndef net(shape):\n    return nn.Conv2d(shape.inputs, shape.outputs, 1)\n"
    (tmp_path / "net.py").write_text(text)
    result = probekit.run(PROBE, "./net.py:net", store="store", **WORDS)
    with pytest.raises(UsageError, match="allow_code=True"):
        probekit.load(result, store="store")
    assert isinstance(probekit.load(result, store="store", allow_code=True), nn.Conv2d)
    (tmp_path / "net.py").write_text(text + "open('ran', 'w')\n")
    (folder,) = Path("store").glob("*net*")
    with pytest.raises(UsageError, match="it is not the file that was run"):
        probekit.load(folder, allow_code=True)
    assert not (tmp_path / "ran").exists()


def test_all_are_said_in_a_line_and_drawn_as_text_in_a_notebook(store: Path, tmp_path: Path) -> None:
    card = probekit.card(store=store)
    assert probekit.card("unet", PROBE, store=store).columns[0].cells[0].resolved == "unet(downs=none)"
    for structure in ("unet", "unet+average"):
        probekit.run(PROBE, structure, scale="smoke", store=tmp_path)
    contrast = probekit.compare("unet", "unet+average", PROBE, scale="smoke", store=tmp_path)
    certificate = probekit.certify(PROBE, "smoke", items=8, focus=False, store=tmp_path)
    assert certificate.passed
    results = probekit.results(store=store)
    for one in (card, contrast, certificate, results, results[0]):
        assert repr(one).startswith(f"<{type(one).__name__}: ")
        assert len(repr(one).splitlines()) == 1
        html = one._repr_html_()
        assert html.startswith("<table>")
        assert html.count("<tr>") > 1
    evil = results[0].model_copy(update={"error": IMG})
    assert IMG not in evil._repr_html_()
    assert "&lt;img" in evil._repr_html_()


def test_importing_probekit_imports_nothing_heavy_and_it_has_a_version(probekit: Run) -> None:
    import subprocess
    import sys

    text = "import sys, probekit; probekit.__version__, dir(probekit); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, text=True).stdout == "False\n"
