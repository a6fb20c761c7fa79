"""What is guarded: `run` plans the whole grid first, runs what it can, and prints what became of each run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run, install, plugin_text
from small import PROBE, call

from probekit.catalog.registry import registry
from probekit.storage.folder import RESULT

WORDS = ("run", PROBE, "--scale", "smoke", "--trainer", "supervised(batch=16,epochs=1)", "--device", "cpu")
KEYS = {
    *(
        "probe",
        "structure",
        "scale",
        "seed",
        "status",
        "metrics",
        "unscored",
        "parameters",
        "width",
        "width_wished",
        "budget_gap",
        "seconds",
    ),
    "folder",
}
Capture = pytest.CaptureFixture[str]
JUDGED = {
    "next_step", "next_command", "next_seconds",
    "verdict", "verdict_why", "normalised", "normalised_low", "normalised_high", "seeds", "host", "recipe"
}  # fmt: skip


def test_a_dry_run_counts_and_touches_nothing(tmp_path: Path, capsys: Capture) -> None:
    store = tmp_path / "store"
    code, out, err = call(
        capsys,
        *WORDS,
        "-s",
        "unet",
        "-s",
        "unet+lambda",
        "--seeds",
        "2",
        "--dry-run",
        "--json",
        "--store",
        str(store),
    )
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert [(row["structure"], row["seed"]) for row in rows] == [
        ("unet", 0),
        ("unet+lambda", 0),
        ("unet", 1),
        ("unet+lambda", 1),
    ]
    for row in rows:
        assert row.keys() == KEYS
        assert (row["status"], row["metrics"], row["seconds"], row["folder"]) == ("planned", {}, None, None)
        assert row["parameters"] > 1000
        assert row["width"] == 4
    assert not store.exists()
    code, out, _ = call(capsys, *WORDS, "-s", "unet", "--dry-run", "--budget", "30000")
    assert code == 0
    assert "planned" in out


@pytest.mark.slow
def test_a_run_is_done_then_stored_and_forced_beside(tmp_path: Path, capsys: Capture) -> None:
    words = (*WORDS, "-s", "unet+average", "--seed", "3", "--store", str(tmp_path))
    code, out, err = call(capsys, *words, "--json")
    (done,) = json.loads(out)
    assert (code, done["status"], done["seed"]) == (0, "done", 3)
    assert done.keys() == KEYS | JUDGED
    assert done["verdict"] == "undecided"
    assert isinstance(done["metrics"]["loss"], float)
    assert done["seconds"] > 0
    assert Path(done["folder"], "cases.png").is_file()
    assert "[1/1] unet+average on nonlocality" in err

    before = Path(done["folder"], RESULT).stat().st_mtime_ns
    code, out, err = call(capsys, *words, "--json")
    assert json.loads(out) == [{**done, "status": "stored"}]
    assert "another environment" not in err
    assert Path(done["folder"], RESULT).stat().st_mtime_ns == before

    code, out, err = call(capsys, *words)
    assert code == 0
    assert "This result was stored earlier; --force runs it again." in out
    metrics = registry().load_target(registry().find_component("probe", "nonlocality"))().metrics
    shown = [metric.name for metric in metrics if f"\n  {metric.name} " in out]
    assert shown == [metric.name for metric in metrics[:5]]
    assert max(map(len, out.splitlines()[:3])) <= 80
    assert out.startswith("unet+average (supervised(batch=16,epochs=1)) on")
    _, out, _ = call(capsys, *words, "--all")
    assert all(f"\n  {metric.name} " in out for metric in metrics)
    assert "floor   perfect  normalised" in out
    assert f"{done['metrics']['loss']:.4f}" in out

    code, out, err = call(capsys, *words, "--force", "--json")
    (forced,) = json.loads(out)
    assert forced["status"] == "done"
    assert forced["folder"] == done["folder"] + "-2"
    assert forced["metrics"] == done["metrics"]


def test_a_result_of_another_environment_is_shown_and_the_difference_said(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    words = (*WORDS, "-s", "unet+average", "--store", str(tmp_path), "--json")
    call(capsys, *words)
    monkeypatch.setattr(torch, "__version__", "9.9")
    code, out, err = call(capsys, *words)
    assert code == 0
    assert json.loads(out)[0]["status"] == "stored"
    assert "was stored in another environment: torch was " in err
    assert ", here 9.9." in err


BAD = """
import torch
from torch import nn

class Wrong(nn.Conv2d):
    def __init__(self, shape):
        super().__init__(shape.inputs, 2, 1)

class Never(nn.Conv2d):
    def __init__(self, shape):
        super().__init__(shape.inputs, 1, 1)
    def forward(self, x):
        return super().forward(x) + (float("nan") if self.training else 0)
"""


@pytest.mark.slow
def test_one_failed_run_does_not_stop_the_rest(tmp_path: Path, probekit: Run) -> None:
    names = [f"'structure', '{name}', 'bad_structures:{name.title()}', ''" for name in ("wrong", "never")]
    files = {
        "bad_structures.py": BAD,
        "bad_plugin.py": plugin_text(*names),
        "raising.py": "raise RuntimeError('not today')",
    }
    entries = {"bad": "bad_plugin", "raising": "raising"}
    install(tmp_path / "lib", "probekit-bad", entries, files)
    grid = (
        "-s",
        "wrong",
        "-s",
        "unet",
        "-s",
        "never",
        "-s",
        "unet+average",
        "--store",
        str(tmp_path / "store"),
    )
    done = probekit(*WORDS, *grid, "--json", path=tmp_path / "lib")
    assert done.returncode == 1
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows] == ["failed", "done", "failed", "done"]
    assert all(Path(row["folder"]).is_dir() for row in rows)
    said = [line for line in done.stderr.splitlines() if line.startswith("probekit: ")]
    assert "plugin raising failed to load (RuntimeError: not today)" in said[0]
    assert "wrong on nonlocality" in said[1]
    assert "(1, 2, 16, 16), but the probe needs (1, 1, 16, 16)" in said[1]
    assert "never on nonlocality" in said[2]
    assert "the loss is not finite at step 1" in said[2]
    assert len(said) == 3
    assert "Traceback" not in done.stderr


def test_a_grid_claims_no_order_where_noise_was_not_measured(tmp_path: Path, capsys: Capture) -> None:
    code, out, _ = call(capsys, *WORDS, "-s", "unet", "-s", "unet+average", "--store", str(tmp_path))
    assert code == 0
    assert "is too small to rank structures" in out
    assert "better than" not in out
    metrics = registry().load_target(registry().find_component("probe", "nonlocality"))().metrics
    assert all(f"\n  {metric.name} " not in out for metric in metrics[1:])
    _, out, _ = call(capsys, *WORDS, "-s", "unet", "-s", "unet+average", "--store", str(tmp_path), "--all")
    assert all(f"\n  {metric.name} " in out for metric in metrics)
    assert out.count(" stored ") == 2


def test_the_store_is_probekit_home_where_none_is_typed(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROBEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (row,) = json.loads(call(capsys, *WORDS, "-s", "unet+average", "--json")[1])
    assert (tmp_path / row["folder"]).parent == tmp_path / "home"
    monkeypatch.delenv("PROBEKIT_HOME")
    (row,) = json.loads(call(capsys, *WORDS, "-s", "unet+average", "--json")[1])
    assert Path(row["folder"]).parent == Path("probekit-runs")
    assert (tmp_path / row["folder"]).is_dir()


def test_the_same_words_twice_in_a_grid_are_one_row_and_two_names_two(capsys: Capture) -> None:
    asked = [word for name in ("unet+average", "average", "average") for word in ("-s", name)]
    _, out, _ = call(capsys, *WORDS, *asked, "--dry-run", "--json")
    assert [row["structure"] for row in json.loads(out)] == ["unet+average", "average"]
