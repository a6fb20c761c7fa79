"""What is guarded: the store's commands say what they find, ask before they remove, exit as they should."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from faults.spoil import unfinished
from small import call
from stores import real

from probekit.storage.attempt import ATTEMPT
from probekit.storage.folder import Folder

Capture = pytest.CaptureFixture[str]


def test_verify_names_what_was_changed_and_exits_with_1(tmp_path: Path, capsys: Capture) -> None:
    real(tmp_path, ("unet",))
    code, out, _ = call(capsys, "store", "verify", "--store", str(tmp_path))
    assert code == 0
    assert "no file has changed" in out
    (log,) = tmp_path.glob("*/log.jsonl")
    log.write_text(log.read_text().replace("0", "1", 1))
    code, _, err = call(capsys, "store", "verify", "--store", str(tmp_path))
    assert code == 1
    assert "log.jsonl" in err
    _, out, _ = call(capsys, "store", "verify", "--store", str(tmp_path), "--json")
    (row,) = json.loads(out)
    assert "log.jsonl" in row["fault"]


def test_merge_says_what_came_of_each_run(tmp_path: Path, capsys: Capture) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    real(there, ("unet",))
    for said in ("1 copied.", "1 here already."):
        code, out, _ = call(capsys, "store", "merge", str(there), "--store", str(here))
        assert code == 0
        assert out.strip().endswith(said)
    _, out, _ = call(capsys, "store", "merge", str(there), "--store", str(here), "--json")
    assert [row["fate"] for row in json.loads(out)] == ["here"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verfy",), "Did you mean verify"),
        (("merge",), "it needs the store from which to copy runs"),
        (("verify", "elsewhere"), "it takes no path"),
        (("merge", "elsewhere"), "there is no such folder"),
        (("merge", "."), "this is the same store"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unfinished(tmp_path)
    code, _, err = call(capsys, "store", *words, "--store", ".")
    assert code == 2
    assert said in err


def test_gc_removes_nothing_unasked(tmp_path: Path, capsys: Capture) -> None:
    real(tmp_path, ("unet",))
    assert "There is nothing to remove" in call(capsys, "store", "gc", "--store", str(tmp_path))[1]
    (first,) = tmp_path.iterdir()
    shutil.copytree(first, tmp_path / f"{first.name}-2")
    code, out, err = call(capsys, "store", "gc", "--store", str(tmp_path))
    assert code == 2
    assert first.name in out
    assert "--yes" in err
    assert first.exists()
    assert call(capsys, "store", "gc", "--yes", "--store", str(tmp_path))[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{first.name}-2"]


def test_status_counts_all_and_lists_what_is_not_done(tmp_path: Path, capsys: Capture) -> None:
    folder = Folder(unfinished(tmp_path))
    real(tmp_path, ("unet+average",))

    def found() -> tuple[dict[str, int], list[dict[str, str]]]:
        said = json.loads(call(capsys, "status", "--store", str(tmp_path), "--json")[1])
        return said["runs"], said["unfinished"]

    counts, (row,) = found()
    assert counts == {"done": 1, "preempted": 1}
    with folder.hold_lock():
        counts, (row,) = found()
        assert counts == {"done": 1, "running": 1}
        assert row["by"].startswith("process ")
    folder.write_json(ATTEMPT, {"stage": "training", "died": "", "deaths": 0, "step": 0, "job": ""})
    assert found()[0] == {"done": 1, "lost": 1}
    code, out, _ = call(capsys, "status", "--watch", "--store", str(tmp_path))
    assert code == 0
    assert "2 runs: 1 done, 1 lost." in out
    assert folder.path.name in out


def test_status_says_the_job_and_the_time_left(tmp_path: Path, capsys: Capture) -> None:
    import os

    folder = Folder(unfinished(tmp_path))
    (folder.path / "log.jsonl").write_text('{"step": 30, "steps": 90, "loss": 1.0}\n')
    folder.write_json(ATTEMPT, {"stage": "training", "died": "", "deaths": 0, "step": 10, "job": "JOB 7"})
    os.utime(folder.path / ATTEMPT, (1000, 1000))
    os.utime(folder.path / "log.jsonl", (1040, 1040))
    with folder.hold_lock():
        said = json.loads(call(capsys, "status", "--store", str(tmp_path), "--json")[1])
    (row,) = said["unfinished"]
    assert row["left"] == "2 min"
    assert row["step"] == "30 of 90"
    assert row["by"].endswith(", JOB 7")
