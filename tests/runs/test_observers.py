"""What is guarded: observers with parameters see runs in every process, and none costs or changes a run."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from small import call

import probekit
from probekit.catalog.registry import registry

PROBE = "grouping(test=16,train=64,validation=8)"
WORDS = ("-s", "average", "--scale", "smoke", "--trainer", "supervised(epochs=1)", "--device", "cpu")
Capture = pytest.CaptureFixture[str]
FILE = """
import json

from probekit import hookimpl


class Log:
    def __init__(self, *, path: str):
        self.path = path

    def write(self, *values):
        with open(self.path, "a") as file:
            print(*values, file=file)

    @hookimpl
    def probekit_run_started(self, plan, path):
        self.write("start", plan.seed, path.is_dir())

    @hookimpl
    def probekit_run_progress(self, row):
        self.write("row", int(row["step"]))

    @hookimpl
    def probekit_run_finished(self, result, path):
        self.write("end", result.verdict, (path / "result.json").exists(), *sorted(result.floors))


class Harmful:
    @hookimpl
    def probekit_run_progress(self, plan, row):
        import torch

        torch.manual_seed(3)
        row["loss"] = 0.0
        plan.pins.update(torch="none")

    @hookimpl
    def probekit_run_finished(self, result):
        result.metrics.clear()
        raise SystemExit("no")


class Unmade(Log):
    def __init__(self):
        raise OSError("no connection")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    complaints = list(registry().complaints)
    yield tmp_path
    registry().complaints[:] = complaints  # other tests of this process expect none of these


def observe(
    observers: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch, *words: str, store: str = "runs"
) -> tuple[int, str]:
    """Type `PROBEKIT_OBSERVE=... probekit run`: the exit code, and what is on stderr as one line."""
    monkeypatch.setenv("PROBEKIT_OBSERVE", observers)
    code, _, err = call(capsys, "run", PROBE, *WORDS, "--store", store, *words)
    return code, " ".join(err.split())


@pytest.mark.parametrize("more", [(), pytest.param(("--jobs", "2"), marks=pytest.mark.slow)], ids=str)
def test_an_observer_sees_each_run(
    more: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    observers = "./mine.py:Log(path=log.txt)+csv(path=tables/runs.csv)"
    assert observe(observers, capsys, monkeypatch, "--seeds", "2", *more)[0] == 0
    lines = (folder / "log.txt").read_text().splitlines()
    assert sorted(line for line in lines if line.startswith("start")) == ["start 0 True", "start 1 True"]
    assert lines.count("end undecided True accuracy") == 2
    assert lines.count("row 1") == 2
    with (folder / "tables/runs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "accuracy"]
    assert sorted(row["seed"] for row in rows) == ["0", "1"]
    for row in rows:
        result = json.loads(Path(row["folder"], "result.json").read_text())
        assert float(row["test"]) == result["metrics"]["accuracy"]
        assert float(row["training"]) == result["train"]["accuracy"]
        assert float(row["floor"]) == result["floors"]["accuracy"]
        assert row["verdict"] == "undecided"


def test_a_study_names_its_observers(capsys: Capture, folder: Path) -> None:
    study = f'probes = ["{PROBE}"]\nstructures = ["average"]\nscales = ["smoke"]\nseeds = 1\n'
    (folder / "study.toml").write_text(study + 'observers = ["csv(path=runs.csv)"]\n')
    assert call(capsys, "run", "--study", "study.toml", "--store", "runs")[0] == 0
    assert len((folder / "runs.csv").read_text().splitlines()) == 3
    (folder / "study.toml").write_text(study + 'observers = ["cvs"]\n')
    code, _, err = call(capsys, "run", "--study", "study.toml", "--store", "runs")
    assert (code, "Did you mean csv?" in err) == (2, True)


@pytest.mark.parametrize(
    ("observers", "hint"),
    [
        ("cvs", "observer 'cvs': there is no such observer. Did you mean csv?"),
        ("csv(pth=runs.csv)", "it has no such parameter. Did you mean path?"),
        ("csv(path=a.csv),csv", "Join terms by '+'"),
        ("lambda", "there is no such observer, but that is the name of a layer"),
    ],
)
def test_a_wrong_name_starts_nothing(
    observers: str, hint: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    code, err = observe(observers, capsys, monkeypatch)
    assert (code, hint in err) == (2, True)
    assert not (folder / "runs").exists()


def test_a_harmful_observer_changes_no_run(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    results = []
    for observer, store in (("", "alone"), ("./mine.py:Harmful", "observed"), ("./mine.py:Unmade", "other")):
        code, err = observe(observer, capsys, monkeypatch, store=store)
        assert code == 0
        assert {"alone": "", "observed": "no longer observes runs", "other": "no connection"}[store] in err
        (path,) = (folder / store).glob("*/result.json")
        results.append(json.loads(path.read_text()))
    for field in ("weights", "metrics", "plan", "floors"):
        assert results[0][field] == results[1][field] == results[2][field]
    logs = [next((folder / store).glob("*/log.jsonl")).read_text() for store in ("alone", "observed")]
    assert logs[0] == logs[1]


@pytest.mark.slow
def test_a_harmful_observer_costs_no_worker(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    words = ("--seeds", "2", "--jobs", "2")
    assert observe("./mine.py:Harmful", capsys, monkeypatch, *words)[0] == 0
    outputs = [path.read_text() for path in (folder / "runs").glob("*/worker.txt")]
    assert len(outputs) == 2
    assert all("no longer observes runs" in text for text in outputs)


def test_a_failed_run_is_a_row(capsys: Capture, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "net.py").write_text("from torch import nn\n\n\ndef net(shape):\n    return nn.Identity()\n")
    monkeypatch.setenv("PROBEKIT_OBSERVE", "csv(path=runs.csv)")
    words = ("run", PROBE, "-s", "./net.py:net", "--scale", "smoke", "--store", "runs")
    assert call(capsys, *words)[0] == 1
    with (folder / "runs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["status"], row["verdict"], row["test"], row["metric"]) == ("failed", "", "", "")
    assert row["error"]


def test_a_file_that_is_locked_holds_no_run_up(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr("probekit_plugins.observers.csv.WAIT", 0.1)
    with FileLock(folder / ".runs.csv.lock"):
        code, err = observe("csv(path=runs.csv)", capsys, monkeypatch)
    assert (code, "no longer observes runs" in err, "could not be acquired" in err) == (0, True, True)


def test_python_names_an_observer_that_raised(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROBEKIT_OBSERVE", "./mine.py:Harmful")
    result = probekit.run(PROBE, "average", scale="smoke", trainer="supervised(epochs=1)", store="runs")
    assert result.metrics["accuracy"] is not None
    assert "observer ./mine.py:Harmful" in capsys.readouterr().err
