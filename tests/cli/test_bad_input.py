"""What is guarded: what cannot be meant or done is a paragraph on stderr, no traceback, an exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import environment
from small import PROBE, call

from probekit.storage.checkpoint import CHECKPOINT
from probekit.storage.folder import LOG, RESULT, WEIGHTS

WORDS = ("run", PROBE, "--scale", "smoke", "--trainer", "supervised(batch=16,epochs=1)", "--device", "cpu")
Capture = pytest.CaptureFixture[str]


def paragraph(err: str) -> str:
    """Return the one line that says what is wrong."""
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("probekit: ")]
    return line


USAGE: list[tuple[list[str], str]] = [
    (
        ["run", "nonlocalty", "-s", "unet"],
        "probe 'nonlocalty': there is no such probe. Did you mean nonlocality?",
    ),
    (["run", "nonlocality", "-s", "unett"], "Did you mean unet?"),
    (["run", "nonlocality", "-s", "unet+lamda"], "layer 'lamda'.*Did you mean lambda"),
    (["run", "nonlocality", "-s", "unet+lambda+pee"], "encoding 'pee'.*Did you mean pe?"),
    (["run", "nonlocality", "-s", "unet+lambda(head=2)"], "no such parameter"),
    (
        ["run", "nonlocality", "-s", "unet+lambda(heads=two)"],
        "heads should be a valid integer.*Its type is int",
    ),
    (["run", "nonlocality", "-s", "unet+lambda(heads=2"], "this bracket is never closed. Add"),
    (["run", "nonlocality", "-s", "unet+lambda(heads=__import__('os'))"], "this is not a value"),
    (["run", "nonlocality", "-s", "unet+average+pe"], "average takes no encoding"),
    (["run", "nonlocality", "-s", "unet", "-s", "unet+nothing"], "there is no such layer"),
    (["run", "nonlocality(sise=3)", "-s", "unet"], "no such parameter. Did you mean size"),
    (["run", "nonlocality(size=wide)", "-s", "unet"], "size should be a valid integer"),
    (["run", "nonlocality(size=24)", "-s", "unet(downs=4)", "--scale", "smoke"], "downs=4"),
    (["run", "nonlocality", "-s", "unet", "--scale", "huge"], "scale 'huge'.*There are: |Did you mean"),
    (["run", "nonlocality", "-s", "unet", "--trainer", "supervized"], "Did you mean supervised?"),
    (
        ["run", "nonlocality", "-s", "unet", "--trainer", "supervised(batch=0)"],
        "batch should be greater than 0. Its type is int, 1 or more",
    ),
    (["run", "nonlocality", "-s", "unet", "--width", "-3"], "width = -3"),
    (["run", "nonlocality", "-s", "unet", "--width", "3", "--budget", "9"], "width and budget exclude"),
    (
        ["run", "nonlocality", "-s", "unet+lambda(heads=8)", "--width", "12"],
        "a multiple of 8. Type --width 8",
    ),
    (["run", "nonlocality", "-s", "unet+lambda(heads=64)", "--budget", "5000"], "the nearest width, 64, has"),
    (["run", "nonlocality", "-s", "unet", "--seed", "1", "--seeds", "2"], "--seed and --seeds"),
    (["run", "nonlocality", "-s", "unet", "--seeds", "0"], "--seeds 0"),
    (["run", "nonlocality", "-s", "unet", "--seed", "-1"], "seed = -1"),
    (["run", "nonlocality", "-s", "unet", "--device", "abacus"], "--device abacus: this machine has"),
    (["data", "nonlocality", "--split", "tests"], "split 'tests'"),
    (["data", "nonlocality", "--scale", "huge"], "scale 'huge'"),
]


@pytest.mark.parametrize(("words", "said"), USAGE, ids=lambda value: " ".join(value[1:]) if value else "")
def test_what_cannot_be_meant_ends_with_2_before_anything_is_written(
    words: list[str], said: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PROBEKIT_HOME", raising=False)
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert re.search(said, paragraph(err)), err
    assert list(tmp_path.iterdir()) == []


def test_cuda_where_there_is_none_is_a_usage_error(capsys: Capture) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has cuda")
    code, _, err = call(capsys, "run", PROBE, "-s", "unet", "--scale", "smoke", "--device", "cuda")
    assert code == 2
    assert "--device cuda: this machine has" in paragraph(err)


def spoil(folder: Path, how: str) -> None:
    """Do to a stored run what should not be done."""
    result = folder / RESULT
    if how == "weights truncated":
        os.truncate(folder / WEIGHTS, 100)
    if how == "result truncated":
        os.truncate(result, 100)
    fields = json.loads(result.read_text()) if "truncated" not in how else {}
    if how == "result edited":
        fields["metrics"]["loss"] = 0.0
    if how == "newer format":
        fields["format"] = 99
    if fields:
        result.write_text(json.dumps(fields))
    if how == "checkpoint truncated":
        result.unlink()
        (folder / CHECKPOINT).write_bytes(b"\x10" + b"\0" * 9)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("weights truncated", "truncated or was changed after it was stored"),
        ("result truncated", "it is not whole JSON"),
        ("result edited", "changed after it was stored"),
        ("newer format", "a newer probekit wrote it"),
        ("checkpoint truncated", "checkpoint.safetensors: it is not whole JSON"),
    ],
)
def test_a_spoilt_run_ends_with_1_is_left_alone_and_can_be_forced(
    how: str, said: str, tmp_path: Path, capsys: Capture
) -> None:
    words = (*WORDS, "-s", "unet+average", "--store", str(tmp_path))
    (row,) = json.loads(call(capsys, *words, "--json")[1])
    folder = Path(row["folder"])
    spoil(folder, how)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, _, err = call(capsys, *words)
    assert code == 1
    assert said in paragraph(err)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    if how == "result edited":
        (forced,) = json.loads(call(capsys, *words, "--json", "--force")[1])
        assert (forced["status"], forced["metrics"]) == ("done", row["metrics"])


def test_a_file_where_the_store_should_be_ends_with_1(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("mine")
    code, _, err = call(capsys, *WORDS, "-s", "unet", "--store", str(tmp_path / "file"))
    assert code == 1
    assert "there is a file of that name. Name another folder with --store DIR." in paragraph(err)
    assert (tmp_path / "file").read_text() == "mine"


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
from probekit.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("size", [500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_a_full_disk_ends_with_1_and_the_same_command_goes_on(
    size: int, tmp_path: Path, capsys: Capture
) -> None:
    words = (*WORDS, "-s", "unet+average", "--store", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(size=size), *words],
        capture_output=True,
        text=True,
        env=environment(None, {}),
    )
    assert done.returncode == 1
    assert "File too large. Free disk space" in paragraph(done.stderr)
    assert not list(tmp_path.glob(f"*/{RESULT}"))
    assert not list(tmp_path.glob("*/.*.draft"))
    (row,) = json.loads(call(capsys, *words, "--json")[1])
    assert row["status"] == "done"
    (whole,) = json.loads(call(capsys, *words, "--json", "--force")[1])
    assert row["metrics"] == whole["metrics"]
    assert Path(row["folder"], LOG).read_bytes() == Path(whole["folder"], LOG).read_bytes()
