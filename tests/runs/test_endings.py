"""What is guarded: a run that ends in any way but by Ctrl-C or a signal fails itself alone, and for good."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, environment
from small import PROBE, first, job, knowing, rows
from torch import Tensor, nn

from probekit.interfaces import Shape
from probekit.runs.run import Outcome, carry_out
from probekit.runs.sitting import Watch
from probekit.stop import SIGNALS, Limit, Stop, Stopped, TimedOut
from probekit.storage.attempt import ATTEMPT
from probekit.storage.folder import CHECKPOINT, LOG
from probekit.storage.store import Store


class Silent(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise KeyError("no text")


class Odd(BaseException):
    """No Exception, with a surrogate and an escape in what it says."""


def leave() -> None:
    sys.exit(0)


def silent() -> None:
    raise Silent


def odd() -> None:
    raise Odd("lost \udc80 and \x1b[31mred")


class Ending(nn.Module):
    """A network that ends in some way at its third step."""

    end: Callable[[], None] = leave

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.conv, self.seen = nn.Conv2d(shape.inputs, shape.outputs, 1), 0

    def forward(self, x: Tensor) -> Tensor:
        self.seen += self.training
        if self.seen == 3:
            type(self).end()
        answer: Tensor = self.conv(x)
        return answer


def put(
    end: Callable[[], None],
    store: Path,
    watch: Watch | None = None,
    timeout: float | None = None,
    force: bool = False,
) -> Outcome:
    """Put a network that ends so to the small probe."""
    Ending.end = staticmethod(end)
    known = knowing("ends", Ending)
    made = job(known, structure="ends", trainer="supervised(batch=16,epochs=2)")
    return carry_out(made, known, device="cpu", store=Store(store), watch=watch, timeout=timeout, force=force)


def test_a_stop_that_native_code_made_another_error_of_is_no_failure_of_the_run(tmp_path: Path) -> None:
    def swallowed() -> None:
        try:
            raise Stopped(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise ImportError("half imported") from error

    with pytest.raises(Stopped):
        put(swallowed, tmp_path)
    assert not list(tmp_path.glob("*/result.json"))
    assert put(lambda: None, tmp_path).result.status == "done"


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (leave, "SystemExit: 0."),
        (silent, "Silent: what it says cannot be read."),
        (odd, "Odd: lost \ufffd and"),
    ],
)
def test_whatever_is_raised_is_the_failure_of_that_run(
    end: Callable[[], None], said: str, tmp_path: Path
) -> None:
    outcome = put(end, tmp_path)
    assert outcome.result.status == "failed"
    assert outcome.result.error.startswith(said)
    assert outcome.folder.read_result() == outcome.result
    assert set(outcome.result.files) == {"traceback.txt", LOG}


LAYERS = """
import os, sys
from torch import nn

class Leaves(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.mix, self.seen = nn.Conv2d(channels, channels, 1), 0
    def forward(self, x):
        self.seen += self.training
        if self.seen == 1:  # at the first step of each sitting
            END
        return self.mix(x)
"""
WORDS = ("--scale", "smoke", "--trainer", "supervised(batch=16,epochs=1)", "--device", "cpu", "--json")


def grid(probekit: Run, folder: Path, end: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a layer that ends so, and after it one that does not."""
    (folder / "ends.py").write_text(LAYERS.replace("END", end))
    layers = ("-s", f"unet+{folder}/ends.py:Leaves", "-s", "unet+average")
    return probekit("run", PROBE, *layers, *WORDS, "--store", str(folder / "store"), *more)


def test_a_layer_that_leaves_python_does_not_end_the_grid_and_the_exit_code_is_1(
    probekit: Run, tmp_path: Path
) -> None:
    done = grid(probekit, tmp_path, "sys.exit(0)")
    assert done.returncode == 1, done.stderr
    assert [row["status"] for row in json.loads(done.stdout)] == ["failed", "done"]


@pytest.mark.slow
@pytest.mark.parametrize("end", ["os._exit(0)", "os.abort()"])
def test_a_run_that_kills_its_process_twice_is_failed_the_third_time_and_force_tries_again(
    end: str, probekit: Run, tmp_path: Path
) -> None:
    for _ in range(2):
        ended = grid(probekit, tmp_path, end)
        assert ended.stdout == "", ended.stderr + ended.stdout
    third = grid(probekit, tmp_path, end)
    assert third.returncode == 1
    assert [row["status"] for row in json.loads(third.stdout)] == ["failed", "done"]
    assert (
        "its process ended without a word 2 times at the same place (training, after 0 rows" in third.stderr
    )
    fourth = grid(probekit, tmp_path, end)
    assert [row["status"] for row in json.loads(fourth.stdout)] == ["failed", "stored"]
    assert grid(probekit, tmp_path, end, "--force").stdout == ""


def test_deaths_at_different_places_are_not_counted_together(tmp_path: Path) -> None:
    outcome = put(lambda: None, tmp_path)
    folder = outcome.folder
    (folder.path / "result.json").unlink()
    for place in ("building", "training"):
        folder.write_json(ATTEMPT, {"stage": place, "died": "elsewhere", "deaths": 1})
        assert put(lambda: None, tmp_path).result.status == "done"
        assert not (folder.path / ATTEMPT).exists()
        (folder.path / "result.json").unlink()


def test_a_run_that_takes_longer_than_it_may_fails_keeps_its_checkpoint_and_goes_on(tmp_path: Path) -> None:
    def slow(stage: str, row: Any) -> None:
        if stage == "train" and row["step"] == 4:
            time.sleep(1.1)

    whole = put(lambda: None, tmp_path / "whole").result
    late = put(lambda: None, tmp_path / "late", watch=slow, timeout=1)
    assert late.result.status == "failed"
    assert "it took longer than 1 s (--timeout)" in late.result.error
    assert (late.folder.path / CHECKPOINT).exists()
    again = put(lambda: None, tmp_path / "late", timeout=60).result
    assert (again.status, again.weights) == ("done", whole.weights)
    assert again.seconds >= 1.0


def test_a_step_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probekit.stop.GRACE", 0.2)
    before = signal.getsignal(signal.SIGALRM)
    outcome = put(lambda: time.sleep(60), tmp_path, timeout=0.5)
    assert "it took longer than 0.5 s" in outcome.result.error
    assert signal.getsignal(signal.SIGALRM) is before
    with pytest.raises(TimedOut):
        Limit(0).check()
    Limit(None).check()


def test_a_signal_waits_for_the_step_to_end_and_a_second_does_not() -> None:
    stop = Stop()
    with pytest.raises(Stopped, match="SIGTERM"):
        stop(signal.SIGTERM, None)
    with pytest.raises(Stopped, match="SIGTERM"):  # as somebody caught it
        stop.check()
    stop = Stop()
    with stop.later():
        stop(signal.SIGHUP, None)
        assert stop.asked is signal.SIGHUP
        with pytest.raises(Stopped, match="SIGTERM"):
            stop(signal.SIGTERM, None)
    before = [signal.getsignal(one) for one in SIGNALS]
    with stop.heard():
        # what is ignored, as SIGHUP is after nohup, stays so
        heard = [stop if was is signal.SIG_DFL else was for was in before]
        assert [signal.getsignal(one) for one in SIGNALS] == heard
    assert [signal.getsignal(one) for one in SIGNALS] == before


ENDS = """
import signal, sys
from probekit.cli import Commands, main

def resolve(*args):
    signal.raise_signal(signal.{name})
    return resolved(*args)

resolved, Commands.resolve_command = Commands.resolve_command, resolve
sys.argv = ["probekit", "list"]
main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGUSR2", 75)])
def test_a_signal_that_comes_while_words_are_read_ends_by_its_own_code(name: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS.format(name=name)],
        capture_output=True,
        text=True,
        env=environment(None, {}),
        preexec_fn=unheard,
    )
    assert done.returncode == code, done.stderr
    assert f"stopped by {name}." in done.stderr


LONG = (
    "run",
    PROBE,
    "-s",
    "unet",
    "--scale",
    "smoke",
    "--trainer",
    "supervised(batch=8,epochs=30)",
    "--json",
)


def begin(store: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "probekit", *LONG, "--device", "cpu", "--store", str(store)]
    return subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(None, {}),
        preexec_fn=unheard,
    )


def unheard() -> None:
    """Ignore no signal, as tests that nohup started would."""
    for one in SIGNALS:
        signal.signal(one, signal.SIG_DFL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "codes",
    [
        {signal.SIGTERM: 143},
        {signal.SIGHUP: 129, signal.SIGUSR2: 75, signal.SIGTERM: 143},
    ],
    ids=["SIGTERM", "several"],
)
def test_signals_save_between_two_steps_and_the_same_command_ends_as_if_they_had_not_come(
    codes: dict[signal.Signals, int], tmp_path: Path
) -> None:
    whole = put_whole(tmp_path / "whole")
    store, seen = tmp_path / "store", 0
    for one, code in codes.items():
        process = begin(store)
        while process.poll() is None and rows(store) <= seen + 5:
            time.sleep(0.01)
        process.send_signal(one)
        printed, said = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert f"probekit: {one.name}: stopped; what was done is kept. Type the same command" in said
        assert json.loads(printed)[0]["status"] == "interrupted"
        (folder,) = store.glob("*-smoke-*")
        assert (folder / CHECKPOINT).exists()
        assert not (folder / ATTEMPT).exists()
        assert rows(store) > seen
        seen = rows(store)
    assert put_whole(store) == whole


def put_whole(store: Path) -> tuple[str, bytes]:
    """Run to the end; return the hash of the weights, and the log."""
    process = begin(store)
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    folder = Path(json.loads(printed)[0]["folder"])
    weights = json.loads((folder / "result.json").read_text())["weights"]
    return weights, (folder / LOG).read_bytes()


@pytest.mark.parametrize("seconds", first(1, [0.6, 0.25, 1.2, 2.0]))
def test_ctrl_c_before_the_first_step_ends_with_130_and_no_traceback(seconds: float, tmp_path: Path) -> None:
    process = begin(tmp_path)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    # before our `main` it is Python that ends: silently by the signal, or with a traceback of its own
    silent = process.returncode == -signal.SIGINT and not said
    if seconds > 1 or not (silent or ("Traceback" in said and "__main__.py" not in said)):
        assert process.returncode == 130, said
        assert "Traceback" not in said


SLIPS = """
import builtins, sys

def struck(name, *args):
    if name == "probekit.cli":
        builtins.__import__ = imported
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise RuntimeError("Error calling __set_name__") from error
    return imported(name, *args)

imported = builtins.__import__
from probekit.__main__ import main
builtins.__import__ = struck
main()
"""


def test_ctrl_c_that_an_import_makes_another_error_of_ends_with_130_and_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", SLIPS], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "probekit: stopped.\n")
