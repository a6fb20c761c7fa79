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
from conftest import Run
from small import PROBE, job, knowing
from torch import Tensor, nn

from probekit.plugin.interfaces import Shape
from probekit.plugin.stop import Stopped, TimedOut, TimeLimit
from probekit.runs.run import Outcome, run_job
from probekit.runs.session import ProgressListener
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
    watch: ProgressListener | None = None,
    timeout: float | None = None,
    force: bool = False,
) -> Outcome:
    """Put a network that ends so to the small probe."""
    Ending.end = staticmethod(end)
    known = knowing("ends", Ending)
    made = job(known, structure="ends", trainer="supervised(batch=16,epochs=2)")
    return run_job(made, known, device="cpu", store=Store(store), watch=watch, timeout=timeout, force=force)


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
        (silent, "Silent: its message cannot be read."),
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
    assert "its process died 2 times at the same stage (first steps, after 0 rows" in third.stderr
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
    monkeypatch.setattr("probekit.plugin.stop.GRACE", 0.2)
    before = signal.getsignal(signal.SIGALRM)
    outcome = put(lambda: time.sleep(60), tmp_path, timeout=0.5)
    assert "it took longer than 0.5 s" in outcome.result.error
    assert signal.getsignal(signal.SIGALRM) is before
    with pytest.raises(TimedOut):
        TimeLimit(0).raise_if_over()
    TimeLimit(None).raise_if_over()
