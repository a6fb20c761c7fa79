"""What is guarded: a wrong yield of an executor is an error that names it, and loses no finished run."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import call

EXECUTORS = """
import subprocess

from probekit.plugin.executor import WorkerExit


class Right:
    def carry_out(self, folders, command):
        for folder in folders:
            yield WorkerExit(folder, subprocess.run([*command, str(folder)]).returncode)


class List(Right):
    def carry_out(self, folders, command):
        return list(super().carry_out(folders, command))


class Text(Right):
    def carry_out(self, folders, command):
        yield from (ending.message for ending in super().carry_out(folders, command))


class Code(Right):
    def carry_out(self, folders, command):
        yield from (WorkerExit(ending.folder, None) for ending in super().carry_out(folders, command))


class Unknown(Right):
    def carry_out(self, folders, command):
        yield from (WorkerExit(ending.folder.parent, 0) for ending in super().carry_out(folders, command))


class Twice(Right):
    def carry_out(self, folders, command):
        for ending in super().carry_out(folders, command):
            yield ending
            yield ending


class Never(Right):
    def carry_out(self, folders, command):
        yield from super().carry_out(folders[:1], command)


class Nothing:
    def carry_out(self, folders, command):
        pass


class Raises:
    def carry_out(self, folders, command):
        raise ValueError("no queue")


class Missing:
    pass


class OneArgument:
    def carry_out(self, folders):
        pass
"""
PROBE = "grouping(test=16,train=64,validation=8)"


def run_on(executor: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, int]:
    """Run two structures on an executor: exit code, stderr, and the number of results in the store."""
    (folder / "mine.py").write_text(EXECUTORS)
    words = ("-s", "average", "-s", "global-context", "--scale", "smoke", "--store", str(folder / "runs"))
    code, _, err = call(capsys, "run", PROBE, *words, "--executor", f"{folder}/mine.py:{executor}")
    assert "Traceback" not in err
    return code, " ".join(err.split()), len(list((folder / "runs").glob("*/result.json")))


@pytest.mark.parametrize("executor", ["Right", pytest.param("List", marks=pytest.mark.slow)])
def test_an_iterator_or_a_list_of_endings(
    executor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_on(executor, tmp_path, capsys)[::2] == (0, 2)


@pytest.mark.parametrize(
    ("executor", "problem", "stored"),
    [
        pytest.param("Text", "it yielded a str, not a WorkerExit", 1, marks=pytest.mark.slow),
        pytest.param("Code", "it yielded the exit code None of", 1, marks=pytest.mark.slow),
        pytest.param("Unknown", "a folder that it did not receive", 1, marks=pytest.mark.slow),
        ("Twice", "twice", 1),
        ("Never", "it ended without saying how 1 of 2 runs ended: grouping", 1),
        ("Nothing", "its carry_out returned a NoneType, not an iterator", 0),
        ("Raises", "it raised ValueError: no queue", 0),
    ],
)
def test_a_wrong_yield_is_named(
    executor: str, problem: str, stored: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err, results = run_on(executor, tmp_path, capsys)
    assert (code, results) == (1, stored)
    assert f"the executor {executor}: {problem}" in err or f"{problem}. Runs that are done" in err
    assert "Runs that are done are stored" in err


@pytest.mark.parametrize(
    ("executor", "problem"),
    [("Missing", "Missing has no method carry_out"), ("OneArgument", "cannot be called with folders and")],
)
def test_what_is_no_executor_starts_nothing(
    executor: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err, _ = run_on(executor, tmp_path, capsys)
    assert (code, problem in err) == (1, True)
    assert not (tmp_path / "runs").exists()


def test_a_wrong_executor_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_on("Never", tmp_path, capsys)
    before = {path: path.read_bytes() for path in (tmp_path / "runs").glob("*/result.json")}
    assert run_on("Right", tmp_path, capsys)[::2] == (0, 2)
    assert {path: path.read_bytes() for path in before} == before
