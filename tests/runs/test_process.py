"""What is guarded: a process ends with its work, whatever threads live, and workers hash text alike."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from begun import unheard
from conftest import environment
from small import PROBE, first, planned, rows

from probekit.storage.store import Store

LAYER = """
import atexit, os, sys, threading, time
from pathlib import Path
from torch import nn


def last_for_ever():
    while True:
        time.sleep(0.1)


def leave_word():
    print("the handler ran", file=sys.stderr)


class Lingering(nn.Module):
    started = False

    def __init__(self, channels, size, *, end: str = "well"):
        super().__init__()
        self.mix, self.end, self.steps = nn.Conv2d(channels, channels, 1), end, 0
        if not Lingering.started:
            Lingering.started = True
            START
            atexit.register(leave_word)

    def forward(self, x):
        self.steps += self.training
        if self.steps == 3 and self.end == "raise":
            raise ValueError("a layer that fails")
        return self.mix(x)
"""
STARTS = {
    "one thread": "threading.Thread(target=last_for_ever).start()",
    "a pool": (
        "from concurrent.futures import ThreadPoolExecutor; ThreadPoolExecutor(2).submit(last_for_ever)"
    ),
    "a handler that never ends": "atexit.register(last_for_ever)",
}
PATIENCE = 120


def layer(folder: Path, start: str, end: str = "well") -> str:
    """Write a layer that starts threads when it is built; return its structure."""
    (folder / "lingering.py").write_text(LAYER.replace("START", start))
    return f"unet+{folder}/lingering.py:Lingering(end={end})"


def words(structure: str, epochs: int = 1) -> tuple[str, ...]:
    trainer = f"supervised(batch=8,epochs={epochs})"
    return "run", PROBE, "-s", structure, "--scale", "smoke", "--trainer", trainer, "--device", "cpu"


def start(*command: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env or environment(None, {}),
        preexec_fn=unheard,
    )


def ends(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit code and output; a process that does not end fails the test, and is killed."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


@pytest.mark.parametrize("how", first(1, STARTS))
def test_a_run_ends_with_0_though_its_layer_left(how: str, tmp_path: Path) -> None:
    command = ("-m", "probekit", *words(layer(tmp_path, STARTS[how])), "--json", "--store", str(tmp_path))
    code, out, err = ends(start(*command))
    assert code == 0, err
    assert [row["status"] for row in json.loads(out)] == ["done"]
    assert err.count("the handler ran") == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["one thread", "a pool"])
def test_a_run_that_fails_ends_with_1_though_its_layer_left(how: str, tmp_path: Path) -> None:
    structure = layer(tmp_path, STARTS[how], "raise")
    code, out, err = ends(start("-m", "probekit", *words(structure), "--json", "--store", str(tmp_path)))
    assert (code, [row["status"] for row in json.loads(out)]) == (1, ["failed"]), err
    assert err.count("the handler ran") == 1


def wait_for_rows(process: subprocess.Popen[str], store: Path) -> None:
    while process.poll() is None and rows(store) < 5:
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_run_whose_layer_left_a_thread(by: int, code: int, tmp_path: Path) -> None:
    structure = layer(tmp_path, STARTS["one thread"])
    process = start("-m", "probekit", *words(structure, 500), "--json", "--store", str(tmp_path / "store"))
    wait_for_rows(process, tmp_path / "store")
    process.send_signal(by)
    found, out, err = ends(process)
    assert found == code, err
    assert json.loads(out)[0]["status"] == "interrupted"
    assert err.count("the handler ran") == 1


def laid_out(folder: Path, structure: str, epochs: int = 1) -> Path:
    """Lay a run's specification into a store, as a command does before it starts workers."""
    trainer = f"supervised(batch=8,epochs={epochs})"
    plan = planned(structure=structure, trainer=trainer)
    run = Store(folder / "store").newest_or_new_run(plan)
    run.check_spec(plan)
    return run.path


@pytest.mark.slow
@pytest.mark.parametrize(("end", "code"), [("well", 0), ("raise", 1)])
def test_a_worker_ends_by_its_code_though_its_layer_left_a_thread(
    end: str, code: int, tmp_path: Path
) -> None:
    run = laid_out(tmp_path, layer(tmp_path, STARTS["one thread"], end))
    found, _, err = ends(start("-m", "probekit.work", str(run), "--allow-code", "--device", "cpu"))
    assert found == code, err
    assert json.loads((run / "result.json").read_text())["status"] == ("failed" if code else "done")
    assert err.count("the handler ran") == 1


@pytest.mark.slow
def test_sigterm_ends_a_worker_whose_layer_left_a_thread(tmp_path: Path) -> None:
    run = laid_out(tmp_path, layer(tmp_path, STARTS["one thread"]), 500)
    process = start("-m", "probekit.work", str(run), "--allow-code", "--device", "cpu")
    wait_for_rows(process, run.parent)
    process.terminate()
    found, _, err = ends(process)
    assert found == 75, err
    assert (run / "checkpoint.safetensors").exists()


def test_what_is_printed_last_is_there_though_a_thread_is(tmp_path: Path) -> None:
    text = (
        "import sys, threading, time\n"
        "from probekit.catalog.process import exit_promptly\n"
        "with exit_promptly():\n"
        "    threading.Thread(target=time.sleep, args=(1e6,)).start()\n"
        "    sys.stdout.write('x' * 5000)\n"
        "    sys.exit({code})"
    )
    for code, found in (("None", 0), ("7", 7), ("'words'", 1)):
        assert ends(start("-c", text.format(code=code)))[:2] == (found, "x" * 5000)


HASHES = """
import os
from torch import nn

print("seed", os.environ.get("PYTHONHASHSEED"), "hash", hash("text"), flush=True)


class Plain(nn.Conv2d):
    def __init__(self, channels, size):
        super().__init__(channels, channels, 1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("chosen", "seed"), [("", "0"), ("7", "7")])
def test_a_worker_s_hash_seed_is_fixed_where_nobody_chose_one(chosen: str, seed: str, tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(HASHES)
    run = laid_out(tmp_path, f"unet+{tmp_path}/plain.py:Plain")
    env = {**environment(None, {}), "PYTHONHASHSEED": chosen}
    if not chosen:
        del env["PYTHONHASHSEED"]
    code, out, err = ends(start("-m", "probekit.work", str(run), "--allow-code", env=env))
    assert code == 0, err
    assert f"seed {seed} hash" in out + err


@pytest.mark.slow
@pytest.mark.parametrize("way", [("--executor", "local(jobs=1)"), ("--detach",)], ids=["jobs", "detach"])
def test_workers_of_a_command_are_given_the_seed(way: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text(HASHES)
    env = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    store = tmp_path / "store"
    command = (*words(f"unet+{tmp_path}/plain.py:Plain"), *way, "--store", str(store))
    code, _, err = ends(start("-m", "probekit", *command, env=env))
    assert code == 0, err
    for _ in range(PATIENCE * 10):
        if list(store.glob("*/result.json")):
            break
        time.sleep(0.1)
    (said,) = store.glob("*/worker.txt")
    assert "seed 0 hash" in said.read_text()
