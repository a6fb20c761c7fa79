"""What is guarded: a replay says what differs, and runs go on and are served under their own code alone."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from changes.case import Edit, change
from changes.nets import bends
from changes.tiny import ASKED, DESCENT, FILES, NET
from small import call, done, job

from probekit.catalog.registry import registry
from probekit.plugin.interfaces import Row
from probekit.runs import training
from probekit.runs.run import Outcome, run_job
from probekit.storage.folder import BEHAVIOUR, CHECKPOINT, RESULT
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]
Log = pytest.LogCaptureFixture
NORMED = NET.replace("self.last = nn", "self.norm = nn.BatchNorm1d(2)\n        self.last = nn").replace(
    "torch.tanh(self.first(x))", "torch.tanh(self.norm(self.first(x)))"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a folder that holds a probe, a network and a trainer."""
    for name, text in FILES.items():
        change(tmp_path / name, text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "edit", "said"),
    [
        (NET, ("tanh", "sin"), r"loss of step 1: 0\.3865 stored, 0\.3891 now"),
        (
            NET,
            ("self.last(hidden)", "self.last(hidden) * (1 + 1e-5)"),
            r"loss of step 1: 0\.386\d{6,} stored, 0\.386\d{6,} now",
        ),
        (NET, ("self.first", "self.begin"), r"gradient of first\.weight at step 1: .* stored, none now"),
        (NORMED, ("(2)", "(2, momentum=0.5)"), r"buffer of norm\.running_mean at step 1: .* stored, .* now"),
        (
            bends("torch.tanh(self.first(x)) * (1 if self.training else 1.0)"),
            ("else 1.0", "else 0.5"),
            r"an answer to test item \d+: -?\d\.\d+ stored, -?\d\.\d+ now",
        ),
        (NET, ("torch.tanh", "1 / 0 and torch.tanh"), r"it cannot be replayed \(.*ZeroDivisionError"),
    ],
)
def test_a_replay_says_the_first_number_that_differs(
    text: str, edit: Edit, said: str, here: Path, caplog: Log
) -> None:
    change(here / "net.py", text)
    first = done(here / "store", **ASKED)
    change(here / "net.py", edit)
    with caplog.at_level(logging.WARNING):
        second = done(here / "store", **ASKED)
    assert not second.stored
    assert second.folder.path != first.folder.path
    (line,) = [one.getMessage() for one in caplog.records if "is not reused" in one.getMessage()]
    assert line.startswith(f"{first.folder.path.name} is not reused: ")
    assert line.endswith("It is kept, and a new run is made.")
    assert re.search(said, line), line
    assert first.folder.read_result() == first.result


RANDOM = {
    "os.urandom": bends("torch.tanh(self.first(x)) * (1 + os.urandom(1)[0])", head="import os"),
    "SystemRandom": bends(
        "torch.tanh(self.first(x)) * RANDOM.random()", "RANDOM = random.SystemRandom()\n", "import random"
    ),
    "a clock": bends("torch.tanh(self.first(x)) * (1 + time.perf_counter_ns() % 997)", head="import time"),
    "a count of the process": bends(
        "torch.tanh(self.first(x)) * next(COUNT)", "COUNT = itertools.count(1)\n", "import itertools"
    ),
}


@pytest.mark.parametrize("kind", RANDOM)
def test_a_run_that_does_not_repeat_itself_says_so_and_is_never_reused(
    kind: str, here: Path, caplog: Log
) -> None:
    change(here / "net.py", RANDOM[kind])
    first = done(here / "store", **ASKED)
    assert first.result.status == "done"
    assert first.result.unrepeatable.startswith("loss of step 1: ")
    with caplog.at_level(logging.WARNING):
        again = done(here / "store", **ASKED)
    assert not again.stored
    assert f"it does not repeat itself ({first.result.unrepeatable})" in caplog.text
    assert len(list((here / "store").glob(f"*/{RESULT}"))) == 2


def test_seeded_randomness_repeats_itself(here: Path) -> None:
    change(here / "net.py", bends("torch.tanh(self.first(x)) * random.random()", head="import random"))
    assert done(here / "store", **ASKED).result.unrepeatable == ""
    assert done(here / "store", **ASKED).stored


def stop_at_step(step: int, store: Path) -> None:
    """Run until Ctrl-C comes at a step."""

    def watch(stage: str, row: Row) -> None:
        if (stage, row["step"]) == ("train", step):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job(**{**ASKED, **DESCENT}), registry(), device="cpu", store=Store(store), watch=watch)


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("net.py", ("tanh", "sin"), "loss of step 1: "),
        ("trainer.py", ("weight -=", "weight +="), "the code of trainer descent has changed"),
        (
            "trainer.py",
            ("return self.lr", "return self.lr if step < 6 else 0.0"),
            "the code of trainer descent",
        ),
        (
            "probe.py",
            ("return mse_loss(output, target)", "return (output - target).abs().mean()"),
            "loss of ",
        ),
        ("probe.py", ("< 0.1)", "< 0.2)"), "near of "),
    ],
)
def test_a_run_that_was_stopped_goes_on_under_its_own_code_alone(
    name: str, edit: Edit, said: str, here: Path, monkeypatch: pytest.MonkeyPatch, caplog: Log
) -> None:
    whole = done(here / "whole", **{**ASKED, **DESCENT})
    monkeypatch.setattr(training, "FIRST", 0.0)
    monkeypatch.setattr(training, "SHARE", float("inf"))
    stop_at_step(5, here / "store")
    (begun,) = (here / "store").iterdir()
    checkpoint = (begun / CHECKPOINT).read_bytes()
    text = (here / name).read_text()
    change(here / name, edit)
    with caplog.at_level(logging.WARNING):
        other = done(here / "store", **{**ASKED, **DESCENT})
    assert (other.stored, other.result.status) == (False, "done")
    assert other.folder.path != begun
    assert said in caplog.text
    assert (begun / CHECKPOINT).read_bytes() == checkpoint
    change(here / name, text)
    steps: list[float] = []
    outcome = run_job(
        job(**{**ASKED, **DESCENT}),
        registry(),
        device="cpu",
        store=Store(here / "store"),
        watch=lambda stage, row: steps.append(row["step"]) if stage == "train" else None,
    )
    assert steps[0] > 1  # it went on
    assert (outcome.folder.path, outcome.result.weights) == (begun, whole.result.weights)
    assert not (begun / BEHAVIOUR).exists()


def answered(capsys: Capture, *words: str) -> tuple[int, object]:
    """Run a command with --json: its exit code and what it printed."""
    code, out, err = call(capsys, *words, "--json")
    return code, json.loads(out) if out else err


@pytest.fixture
def stored(here: Path) -> Outcome:
    """A run of the small network."""
    return done(here / "store", **ASKED)


def test_why_says_whether_a_run_would_be_reused(stored: Outcome, here: Path, capsys: Capture) -> None:
    path = str(stored.folder.path)
    code, out, err = call(capsys, "why", path)
    assert (code, out) == (2, "")
    assert "the run names Python files: " in err
    assert "add --allow-code" in err
    code, found = answered(capsys, "why", path, "--allow-code")
    same = "its first steps and its answers are the same"
    assert (code, found) == (0, {"folder": path, "state": "holds", "why": same})
    code, out, _ = call(capsys, "why", path, "--allow-code")
    assert "would be reused: it was replayed, and its first steps" in " ".join(out.split())
    change(here / "net.py", ("tanh", "sin"))
    code, found = answered(capsys, "why", path, "--allow-code")
    assert isinstance(found, dict)
    assert (code, found["state"]) == (0, "differs")
    assert found["why"] == "loss of step 1: 0.3865 stored, 0.3891 now"
    code, out, _ = call(capsys, "why", path, "--allow-code")
    assert "would not be reused: loss of step 1" in " ".join(out.split())
    (here / "net.py").unlink()
    code, found = answered(capsys, "why", path, "--allow-code")
    assert isinstance(found, dict)
    assert (code, found["state"]) == (0, "unknown")


@pytest.mark.parametrize(
    ("name", "said"), [("nowhere", "there is no such folder"), (".", "there is no finished run")]
)
def test_why_refuses_what_is_no_run(name: str, said: str, capsys: Capture) -> None:
    code, out, err = call(capsys, "why", name)
    assert (code, out) == (2, "")
    assert said in err


def spoil(here: Path) -> None:
    (weights,) = (here / "store").glob("*/weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("act", "allowed", "code", "state"),
    [
        (lambda here: None, True, 0, "holds"),
        (lambda here: change(here / "net.py", ("Convolve,", "Twice,")), True, 0, "holds"),
        (lambda here: change(here / "net.py", ("tanh", "sin")), True, 1, "differs"),
        (spoil, True, 1, "differs"),
        (lambda here: (here / "net.py").unlink(), True, 0, "unknown"),
        (lambda here: None, False, 0, "unknown"),
    ],
)
@pytest.mark.usefixtures("stored")
def test_a_store_is_replayed_and_ends_with_1_where_a_run_differs(
    act: Callable[[Path], None], allowed: bool, code: int, state: str, here: Path, capsys: Capture
) -> None:
    act(here)
    words = ("store", "replay", "--store", "store", *(["--allow-code"] if allowed else []))
    found, rows = answered(capsys, *words)
    assert isinstance(rows, list)
    assert (found, [row["state"] for row in rows]) == (code, [state])
    found, out, _ = call(capsys, *words)
    assert found == code
    assert "1 runs in store: 1 " in out
