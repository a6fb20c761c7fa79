"""What is guarded: runs that are sent to workers are those that are made here, and none stops another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run

from probekit.plugin.stop import REQUEUE

WORDS = ("run", "grouping", "translation", "-s", "lambda", "-s", "average", "--scale", "smoke")
LONG = ("run", "grouping", "-s", "lambda", "--scale", "smoke", "--trainer", "supervised(epochs=100000)")
SLOW_LAYER = """
import time

from torch import nn


class Slow(nn.Module):
    def __init__(self, channels, size):
        super().__init__()

    def forward(self, x):
        {}
        return x
"""


def weights(store: Path) -> dict[str, str]:
    """The hash of each run's weights, by the run's folder."""
    return {path.parent.name: json.loads(path.read_text())["weights"] for path in store.glob("*/result.json")}


def worker(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "probekit.work", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def begun(store: Path, process: subprocess.Popen[str]) -> list[Path]:
    """Wait until a run has logged its first step; return the logs."""
    for _ in range(1200):
        assert process.poll() is None, process.communicate()
        if logs := [path for path in store.glob("*/log.jsonl") if path.read_text().count("\n") > 2]:
            return logs
        time.sleep(0.1)
    raise AssertionError("no run began to train")


@pytest.mark.slow
def test_several_workers_make_the_weights_of_one_process(probekit: Run, tmp_path: Path) -> None:
    several = probekit(*WORDS, "--executor", "local(jobs=2,threads=1)", "--store", str(tmp_path / "a"))
    assert several.returncode == 0, several.stderr
    alone = subprocess.run(
        [sys.executable, "-m", "probekit", *WORDS, "--store", str(tmp_path / "b")],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert alone.returncode == 0, alone.stderr
    assert len(weights(tmp_path / "a")) == 4
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


@pytest.mark.slow
def test_what_is_stored_is_sent_nowhere(probekit: Run, tmp_path: Path) -> None:
    words = ("run", "translation", "-s", "lambda", "--scale", "smoke", "--store", str(tmp_path), "--json")
    assert probekit(*words).returncode == 0
    again = probekit(*words, "--jobs", "2")
    (row,) = json.loads(again.stdout)
    assert row["status"] == "stored"
    assert list(tmp_path.glob("*/worker.txt")) == []


@pytest.mark.slow
def test_a_structure_from_a_file_goes_to_workers_and_one_that_fails_fails_alone(
    probekit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fine.py").write_text(SLOW_LAYER.format("pass"))
    (tmp_path / "bad.py").write_text(SLOW_LAYER.format("assert not self.training, 'no training'"))
    structures = ("-s", "plain+./fine.py:Slow", "-s", "plain+./bad.py:Slow")
    done = probekit(
        "run", "translation", *structures, "--scale", "smoke", "--jobs", "2", "--store", "runs", "--json"
    )  # fmt: skip
    assert done.returncode == 1
    assert [row["status"] for row in json.loads(done.stdout)] == ["done", "failed"]
    assert "no training" in done.stderr


@pytest.mark.slow
def test_a_worker_that_is_killed_is_said_and_goes_on(probekit: Run, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "probekit", *LONG, "--executor", "local(jobs=1)", "--store", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    (log,) = begun(tmp_path, process)
    found = subprocess.run(
        ["pgrep", "-f", f"probekit.work.*{log.parent.name}"], capture_output=True, text=True
    )
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "it was killed by SIGKILL, perhaps because memory ran out. The same command goes on" in err
    assert not (log.parent / "result.json").exists()


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_once_they_have_saved(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "probekit", *LONG, "--executor", "local(jobs=1)", "--store", str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    (log,) = begun(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Type the same command to go on" in err
    assert (log.parent / "checkpoint.safetensors").exists()
    found = subprocess.run(["pgrep", "-f", log.parent.name], capture_output=True, text=True)
    assert found.stdout == ""


@pytest.mark.slow
def test_a_worker_says_by_its_exit_code_what_came_of_it(probekit: Run, tmp_path: Path) -> None:
    words = ("run", "translation", "-s", "lambda", "--scale", "smoke", "--store", str(tmp_path))
    assert probekit(*words).returncode == 0
    (folder,) = (path.parent for path in tmp_path.glob("*/result.json"))
    (folder / "result.json").unlink()
    assert worker(folder).returncode == 0
    assert (folder / "result.json").exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    lost = worker(empty)
    assert lost.returncode == 1
    assert "spec.json" in lost.stderr
    assert "Traceback" not in lost.stderr


@pytest.mark.slow
def test_a_worker_runs_no_code_unasked_and_none_that_changed(probekit: Run, tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text(SLOW_LAYER.format("pass"))
    structure = f"plain+{tmp_path}/fine.py:Slow"
    words = ("run", "translation", "-s", structure, "--scale", "smoke", "--store", str(tmp_path / "runs"))
    assert probekit(*words).returncode == 0
    (folder,) = (path.parent for path in tmp_path.glob("runs/*/result.json"))
    (folder / "result.json").unlink()
    refused = worker(folder)
    assert refused.returncode == 2
    assert "--allow-code" in refused.stderr
    (tmp_path / "fine.py").write_text(SLOW_LAYER.format("x = 2 * x"))
    changed = worker(folder, "--allow-code")
    assert changed.returncode == 2
    assert "it is not the file that was run" in changed.stderr
    (tmp_path / "fine.py").write_text(SLOW_LAYER.format("pass"))
    assert worker(folder, "--allow-code").returncode == 0


@pytest.mark.slow
def test_a_worker_that_is_stopped_asks_to_be_begun_again(probekit: Run, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "probekit", *LONG, "--store", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    (log,) = begun(tmp_path, process)
    claimed = worker(log.parent)
    assert claimed.returncode == REQUEUE
    assert "another process" in claimed.stderr
    process.terminate()
    process.communicate(timeout=60)
    steps = log.read_text().count("\n")
    words = [sys.executable, "-m", "probekit.work", str(log.parent)]
    again = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    for _ in range(1200):
        if log.read_text().count("\n") > steps + 5:
            break
        time.sleep(0.1)
    again.send_signal(signal.SIGUSR2)
    _, err = again.communicate(timeout=60)
    assert again.returncode == REQUEUE
    assert "it was stopped by SIGUSR2" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--executor", "locl"), "Did you mean local"),
        (("--executor", "local(jobs=0)"), "1 or more"),
        (("--executor", "local", "--jobs", "2"), "exclude each other"),
    ],
)
def test_an_executor_that_cannot_be_meant_is_refused(
    words: tuple[str, ...], said: str, probekit: Run, tmp_path: Path
) -> None:
    done = probekit(
        "run", "translation", "-s", "lambda", "--scale", "smoke", *words, "--store", str(tmp_path)
    )
    assert done.returncode == 2
    assert said in done.stderr
