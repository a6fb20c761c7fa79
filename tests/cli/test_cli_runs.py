"""What is guarded: what is stored is listed, filtered and removed only as it was asked for."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from conftest import Run
from faults.spoil import unfinished
from small import PROBE, call, planned
from stores import real

from probekit.storage.folder import CHECKPOINT
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two structures, one of them with two seeds, a run that is unfinished and one that is broken."""
    folder = tmp_path_factory.mktemp("made")
    unfinished(folder)
    real(folder, ("unet",), seeds=2)
    real(folder, ("unet+average",))
    (folder / "broken").mkdir()
    (folder / "broken/result.json").write_text("{")
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> str:
    """A copy of it."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return str(tmp_path)


def test_runs_are_listed_in_three_forms_with_what_cannot_be_read(store: str, capsys: Capture) -> None:
    code, out, _ = call(capsys, "runs", "--store", store)
    assert code == 0
    assert out.startswith("5 runs in ")
    rows = json.loads(call(capsys, "runs", "--store", store, "--json")[1])
    assert [row["status"] for row in rows].count("done") == 3
    assert [row["status"] for row in rows].count("unread") == 1
    (stopped,) = [row for row in rows if row["status"] == "preempted"]
    assert stopped["headline"].startswith("step ")
    sheet = list(csv.DictReader(io.StringIO(call(capsys, "runs", "--store", store, "--csv")[1])))
    assert [row["folder"] for row in sheet] == [row["folder"] for row in rows]
    for row in rows:
        assert row["status"] in ("unread", "preempted") or (row["headline"], row["probe"]) == ("loss", PROBE)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("-s", "unet"), 2),
        (("-s", "unet", "--seed", "1"), 1),
        (("--status", "unread"), 1),
        (("--status", "preempted"), 1),
        (("--probe", PROBE), 4),
        (("--scale", "quick"), 0),
    ],
)
def test_runs_are_filtered(words: tuple[str, ...], count: int, store: str, capsys: Capture) -> None:
    assert len(json.loads(call(capsys, "runs", *words, "--store", store, "--json")[1])) == count


def test_what_is_listed_is_removed_after_asking_and_nothing_else(store: str, capsys: Capture) -> None:
    words = ("runs", "rm", "-s", "unet", "--store", store)
    before = {path.name for path in Path(store).iterdir()}
    code, _, err = call(capsys, *words)
    assert code == 2
    assert "there is no terminal to ask for confirmation. Type --yes" in err
    assert {path.name for path in Path(store).iterdir()} == before
    code, _, err = call(capsys, *words, "--yes")
    assert (code, "removed 2 runs." in err) == (0, True)
    assert before - {path.name for path in Path(store).iterdir()} == {
        one for one in before if "unet-smoke" in one
    }
    assert list(Path(store).glob(f"*/{CHECKPOINT}"))
    code, _, err = call(capsys, "runs", "remove", "--store", store)
    assert code == 2
    assert "there is no such action. " in err
    code, _, _ = call(capsys, "runs", "--json", "--csv", "--store", store)
    assert code == 2


@pytest.mark.slow
def test_quiet_says_only_answers_and_h_is_help(probekit: Run, tmp_path: Path) -> None:
    words = ("run", PROBE, "-s", "unet", "--scale", "smoke", "--json", "--store", str(tmp_path))
    done = probekit("-q", *words, "--trainer", "supervised(batch=16,epochs=1)")
    assert done.stderr == ""
    assert json.loads(done.stdout)[0]["status"] == "done"
    assert probekit("-h").stdout == probekit("--help").stdout != ""
    assert "Example: probekit runs" in probekit("runs", "-h").stdout


def test_the_shell_is_told_the_commands_that_begin_so(probekit: Run) -> None:
    asked = {"_PROBEKIT_COMPLETE": "complete_bash", "COMP_WORDS": "probekit r", "COMP_CWORD": "1"}
    assert probekit(**asked).stdout.split() == ["run", "reproduce", "runs"]


def test_a_card_is_written_to_standard_output(store: str, capsys: Capture) -> None:
    words = ("card", "unet", "--probe", PROBE, "--store", store)
    _, out, err = call(capsys, *words, "--md", "-")
    assert out.startswith("# Report card")
    assert "wrote" not in err
    _, out, _ = call(capsys, *words, "--html", "-")
    assert out.startswith("<!DOCTYPE html>")
    assert out.rstrip().endswith("</html>")


def test_a_run_that_goes_on_is_running_and_one_that_waits_is_queued(store: str, capsys: Capture) -> None:
    root = Store(Path(store))
    plan = planned(structure="unet+global-context", trainer="supervised")
    folder = root.new_run(plan)

    def said() -> dict[str, object]:
        (row,) = json.loads(call(capsys, "runs", "-s", "unet+global-context", "--store", store, "--json")[1])
        return {name: row[name] for name in ("status", "headline", "seed")}

    assert said() == {"status": "queued", "headline": None, "seed": 0}
    folder.append({"step": 3, "steps": 9, "loss": 1.0})
    with folder.hold_lock():
        assert said() == {"status": "running", "headline": "step 3 of 9", "seed": 0}
        call(capsys, "runs", "rm", "-s", "unet+global-context", "--yes", "--store", store)
        assert folder.path.exists()
    (folder.path / CHECKPOINT).write_bytes(b"")
    assert said()["status"] == "preempted"
