"""What is guarded: a run stopped at any moment ends as if it had not been: same weights, same log."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from begun import begin, words
from small import done, first, job, planned, rows

from probekit.catalog.registry import registry
from probekit.plugin.errors import StoreError
from probekit.plugin.interfaces import Row
from probekit.runs import training
from probekit.runs.run import Outcome, run_job
from probekit.storage.checkpoint import CHECKPOINT
from probekit.storage.folder import LOG, RESULT, Folder
from probekit.storage.store import Store

EPOCHS: dict[str, Any] = {"trainer": "supervised(batch=16,epochs=3)"}
STEPS = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return done(tmp_path_factory.mktemp("whole"), **EPOCHS)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a checkpoint after every row."""
    monkeypatch.setattr(training, "FIRST", 0.0)
    monkeypatch.setattr(training, "SHARE", float("inf"))


def stopped(folder: Path, stage: str, step: int) -> None:
    """Run until Ctrl-C comes at a row of a stage."""

    def watch(now: str, row: Row) -> None:
        if (now, row["step"]) == (stage, step):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job(**EPOCHS), registry(), device="cpu", store=Store(folder), watch=watch)


def same(one: Outcome, other: Outcome) -> None:
    """Check that two outcomes are equal in all but the time they took."""
    told = {"seconds": True, "stored": True, "behaviour": {"seconds"}}
    assert one.result.model_dump(exclude=told) == other.result.model_dump(exclude=told)
    assert (one.folder.path / LOG).read_bytes() == (other.folder.path / LOG).read_bytes()
    assert not (one.folder.path / CHECKPOINT).exists()


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    "moments",
    first(
        2,
        [
            [("train", 3), ("train", 9)],
            [("score", 1), ("score", 2)],
            [("prepare", 64)],
            [("train", STEPS)],
        ],
    ),
    ids=str,
)
def test_a_run_stopped_anywhere_ends_as_if_it_had_not_been(
    moments: list[tuple[str, int]], whole: Outcome, tmp_path: Path
) -> None:
    for stage, step in moments:
        stopped(tmp_path, stage, step)
        assert Store(tmp_path).find(planned(**EPOCHS)) is None
    same(done(tmp_path, **EPOCHS), whole)
    assert whole.result.steps == STEPS


@pytest.mark.usefixtures("eager")
def test_steps_taken_before_the_checkpoint_are_not_taken_again(tmp_path: Path) -> None:
    stopped(tmp_path, "train", 9)
    seen = []

    def watch(stage: str, row: Row) -> None:
        if stage == "train":
            seen.append(row["step"])

    run_job(job(**EPOCHS), registry(), device="cpu", store=Store(tmp_path), watch=watch)
    assert seen == [9, 10, 11, 12]  # row 9 was logged, but Ctrl-C came before its checkpoint


@pytest.mark.usefixtures("eager")
def test_a_checkpoint_of_another_environment_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    stopped(tmp_path, "train", 3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    with pytest.raises(StoreError, match=r"threads was \d+, here 64.*Resume it there.*--force"):
        done(tmp_path, **EPOCHS)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("how", ["truncated", "foreign", "log lost"])
def test_a_spoilt_checkpoint_is_named_and_force_runs_beside_it(
    how: str, whole: Outcome, tmp_path: Path
) -> None:
    stopped(tmp_path, "train", 3)
    (path,) = tmp_path.glob("*")
    if how == "truncated":
        (path / CHECKPOINT).write_bytes((path / CHECKPOINT).read_bytes()[:-1])
    if how == "foreign":
        Folder(path).write_tensors(CHECKPOINT, {}, {"rows": 1})
    if how == "log lost":
        (path / LOG).unlink()
    with pytest.raises(StoreError, match="--force"):
        done(tmp_path, **EPOCHS)
    if how != "truncated":
        return
    beside = run_job(job(**EPOCHS), registry(), device="cpu", store=Store(tmp_path), force=True)
    same(beside, whole)
    assert beside.folder.path == path.with_name(f"{path.name}-2")
    assert done(tmp_path, **EPOCHS).stored


def wait_for_checkpoint(process: subprocess.Popen[str], store: Path, before: int) -> None:
    """Wait until there is a checkpoint and the log goes beyond what it had before the process began."""
    while process.poll() is None:
        if rows(store) > before and list(store.glob(f"*/{CHECKPOINT}")):
            return
        time.sleep(0.02)
    pytest.fail(f"it ended too soon: {process.communicate()[1]}")


@pytest.mark.slow
def test_killed_twice_a_run_ends_with_the_same_weights_and_log(tmp_path: Path) -> None:
    for _ in range(2):
        before = rows(tmp_path)
        process = begin(tmp_path, words("unet+lambda", 7))
        wait_for_checkpoint(process, tmp_path, before)
        process.kill()
        process.communicate()
        assert not list(tmp_path.glob(f"*/{RESULT}"))
    printed, said = begin(tmp_path, words("unet+lambda", 7)).communicate()
    (row,) = json.loads(printed)
    assert row["status"] == "done", said
    folder = Folder(Path(row["folder"]))
    in_one = done(tmp_path / "whole", trainer="supervised(batch=8,epochs=7)")
    assert folder.read_result().weights == in_one.result.weights
    assert (folder.path / LOG).read_bytes() == (in_one.folder.path / LOG).read_bytes()


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_ends_with_130_in_run_and_in_again(tmp_path: Path) -> None:
    asked = words("unet+lambda", 100)
    for _ in range(2):
        before = rows(tmp_path)
        process = begin(tmp_path, asked)
        wait_for_checkpoint(process, tmp_path, before)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate()
        assert process.returncode == 130, said
        (row,) = json.loads(printed)
        assert row["status"] == "interrupted"
        assert Path(row["folder"], CHECKPOINT).is_file()
        assert (
            said.splitlines()[-1]
            == "probekit: Ctrl-C: stopped; all finished work is kept. Type the same command to go on."
        )
        assert "Traceback" not in said
        asked = ("again", row["folder"])
