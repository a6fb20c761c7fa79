"""What is guarded: fabric's processes end with their parent, and its run ends with any of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from begun import unheard
from conftest import ROOT, environment
from fitting import fit, network
from ranked import Hashing, Lingering, OnRankOne
from small import PROBE, rows

from probekit.catalog.process import HASH_SEED
from probekit.plugin.errors import RunError
from probekit.storage.attempt import ATTEMPT
from probekit.storage.folder import CHECKPOINT
from probekit_plugins.trainers.fabric import Fabric

pytest.importorskip("lightning_fabric")

PATIENCE = 300.0
LONG: dict[str, Any] = {"epochs": 1000, "batch": 16}


def ranks_of(parent: int) -> list[int]:
    """Return the ranks of a process, in the order in which they were started."""
    command = ["pgrep", "-P", str(parent), "-f", "multiprocessing-fork"]
    return [int(one) for one in subprocess.run(command, capture_output=True, text=True).stdout.split()]


def await_ranks(parent: int, count: int = 2) -> list[int]:
    until = time.monotonic() + PATIENCE
    while len(found := ranks_of(parent)) < count:
        assert time.monotonic() < until, "the ranks were not started"
        time.sleep(0.02)
    return found


def await_end(processes: list[int]) -> None:
    """Wait until none of these processes is there, or is more than a zombie."""
    until = time.monotonic() + PATIENCE
    while left := [one for one in processes if is_running(one)]:
        assert time.monotonic() < until, f"{left} still run"
        time.sleep(0.05)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture(autouse=True)
def no_rank_is_left() -> Iterator[None]:
    yield
    assert ranks_of(os.getpid()) == []


@pytest.mark.parametrize("number", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_rank_that_dies_before_the_ranks_have_met_ends_the_run(number: int) -> None:
    def kill() -> None:
        os.kill(await_ranks(os.getpid())[number], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(
        RunError, match=f"rank {number} was killed by SIGKILL, perhaps because memory ran out"
    ):
        next(fit(network(), Fabric(devices=2, **LONG)))
    killer.join()


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_a_rank_that_dies_while_they_train_ends_the_run(number: int) -> None:
    steps = fit(network(), Fabric(devices=2, **LONG))
    while next(steps)["step"] < 3:
        pass
    os.kill(ranks_of(os.getpid())[number], signal.SIGKILL)
    with pytest.raises(RunError, match=f"rank {number} was killed by SIGKILL"):
        list(steps)


@pytest.mark.slow
def test_a_rank_that_dies_in_a_step_ends_the_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def kill() -> None:
        while not (mark.exists() and mark.read_text()):
            time.sleep(0.05)
        os.kill(int(mark.read_text()), signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    with pytest.raises(RunError, match="rank 1 was killed by SIGKILL"):
        list(fit(OnRankOne("sleep", mark), Fabric(devices=2, **LONG)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", "rank 1: ValueError: no more"),
        ("exit", "rank 1: SystemExit: 0"),
        ("leave", "rank 1 ended with exit code 3"),
    ],
)
def test_a_rank_that_fails_is_named_though_another_waits_for_it(how: str, said: str) -> None:
    with pytest.raises(RunError, match=said):
        list(fit(OnRankOne(how), Fabric(devices=2, **LONG)))


@pytest.mark.slow
def test_a_signal_to_a_rank_is_left_to_its_parent() -> None:
    seen = 0
    for row in fit(network(), Fabric(devices=2, epochs=3, batch=16)):
        if row["step"] in (1, 2):
            for one in ranks_of(os.getpid()):
                os.kill(one, signal.SIGTERM if row["step"] == 1 else signal.SIGINT)
        seen = int(row["step"])
    assert seen == 12


@pytest.mark.slow
def test_ranks_hash_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HASH_SEED, raising=False)
    with pytest.raises(RunError, match="the seed is 0"):
        next(fit(Hashing(), Fabric(devices=1, batch=16)))
    assert HASH_SEED not in os.environ
    monkeypatch.setenv(HASH_SEED, "5")
    with pytest.raises(RunError, match="the seed is 5"):
        next(fit(Hashing(), Fabric(devices=1, batch=16)))


@pytest.mark.slow
def test_ranks_end_though_a_layer_left_a_thread_in_them() -> None:
    rows = list(fit(Lingering(), Fabric(devices=2, epochs=1, batch=16)))
    assert rows[-1]["step"] == rows[-1]["steps"]
    assert ranks_of(os.getpid()) == []


def begin(store: Path, epochs: int) -> subprocess.Popen[str]:
    """Start a run of two ranks by the command line, in a group of its own."""
    trainer = f"fabric(devices=2,batch=16,epochs={epochs})"
    words = ("run", PROBE, "-s", "unet+average", "--scale", "smoke", "--trainer", trainer, "--device", "cpu")
    return subprocess.Popen(
        [sys.executable, "-m", "probekit", *words, "--json", "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(None, {}),
        preexec_fn=unheard,
        start_new_session=True,
    )


def await_rows(process: subprocess.Popen[str], store: Path, count: int) -> None:
    while process.poll() is None and rows(store) < count:
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["the process", "its group"])
def test_sigterm_saves_and_the_same_command_goes_on(to: str, tmp_path: Path) -> None:
    process = begin(tmp_path, 1000)
    await_rows(process, tmp_path, 5)
    ranks = ranks_of(process.pid)
    if to == "its group":
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143, err
    assert json.loads(out)[0]["status"] == "interrupted"
    (folder,) = tmp_path.glob("*-smoke-*")
    assert (folder / CHECKPOINT).exists()
    assert not (folder / ATTEMPT).exists()
    assert len(ranks) == 2
    await_end(ranks)
    seen = rows(tmp_path)
    again = begin(tmp_path, 1000)
    await_rows(again, tmp_path, seen + 3)
    again.send_signal(signal.SIGTERM)
    _, err = again.communicate(timeout=PATIENCE)
    assert again.returncode == 143, err
    assert rows(tmp_path) >= seen + 3


@pytest.mark.slow
@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("when", ["they start", "they train", "they hang"])
def test_a_signal_is_heard_while_the_ranks_are_waited_for(
    when: str, by: signal.Signals, code: int, tmp_path: Path
) -> None:
    process = begin(tmp_path, 1000)
    ranks = await_ranks(process.pid)
    if when != "they start":
        await_rows(process, tmp_path, 3)
    if when == "they hang":
        for one in ranks:
            os.kill(one, signal.SIGSTOP)
        time.sleep(1)
    process.send_signal(by)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, err
    await_end(ranks)


@pytest.mark.slow
@pytest.mark.parametrize("when", ["they start", "they train"])
def test_ranks_end_with_a_parent_that_is_killed(when: str, tmp_path: Path) -> None:
    process = begin(tmp_path, 1000)
    ranks = await_ranks(process.pid)
    if when == "they train":
        await_rows(process, tmp_path, 3)
    process.kill()
    process.communicate(timeout=PATIENCE)
    await_end(ranks)


IN_A_THREAD = """
import threading, time
from fitting import fit, network
from probekit_plugins.trainers.fabric import Fabric

def train():
    for row in fit(network(), Fabric(devices=2, epochs=1000, batch=16)):
        print(row["step"], flush=True)

if __name__ == "__main__":
    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
"""


@pytest.mark.slow
def test_ranks_that_a_thread_started_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(IN_A_THREAD)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(ROOT / "tests", {}),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    ranks = ranks_of(process.pid)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert len(ranks) == 2
    await_end(ranks)
