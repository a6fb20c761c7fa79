"""What is guarded: a store that version 0.1.0 wrote is read, reused and drawn."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from small import call

pytestmark = pytest.mark.filterwarnings("ignore:a probe without a base class:DeprecationWarning")
OLDER = ROOT / "tests" / "storage" / "v0.1.0"
FILES = ("./agree.py:Agree", "-s", "./net.py:net", "--scale", "smoke", "--trainer", "./steps.py:Steps")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a copy of what version 0.1.0 left: a probe, a structure and a trainer in files, and runs."""
    there = tmp_path / "older"
    shutil.copytree(OLDER, there)
    monkeypatch.chdir(there)
    return there


def test_the_same_command_trains_anew_and_leaves_them_as_they_are(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    code, out, err = call(capsys, "run", *FILES, "--seeds", "1", "--json", "--store", "runs")
    assert code == 0, err
    assert [row["status"] for row in json.loads(out)] == ["done"]
    assert {path: path.read_bytes() for path in before} == before


def test_a_replay_says_that_they_hold_by_their_first_row(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(capsys, "store", "replay", "--json", "--store", "runs", "--allow-code")
    assert code == 0, err
    rows = json.loads(out)
    assert {row["state"] for row in rows} == {"holds"}
    assert all(row["why"] == "by its first row, as probekit 0.1 made it" for row in rows)


def test_a_card_is_drawn_of_them_with_their_scores_cases_and_curves(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stored = {path.name: json.loads((path / "result.json").read_text()) for path in Path("runs").iterdir()}
    words = ("card", "unet", "unet+average", "./net.py:net", "--probe", "./agree.py:Agree")
    words = (*words, "--probe", "nonlocality(test=16,train=64,validation=8)", "--store", "runs")
    code, out, err = call(capsys, *words, "--json")
    assert code == 0, err
    card = json.loads(out)
    found = {
        run["folder"]: run["score"] for c in card["columns"] for cell in c["cells"] for run in cell["runs"]
    }
    found = set()
    headline = {"agreement": "accuracy", "nonlocality": "loss"}
    for column in card["columns"]:
        for cell in column["cells"]:
            for run in cell["runs"]:
                found.add(run["folder"])
                assert run["score"] == stored[run["folder"]]["metrics"][headline[column["property"]]]
    assert found == set(stored)
    code, _, err = call(capsys, *words, "--html", "card.html")
    assert code == 0, err
    page = (here / "card.html").read_text()
    assert page.count("<svg") >= len(card["columns"])
    assert "data:image/png" in page
