"""What is guarded: each wrong executor and observer fails its check, and the built-in ones pass all."""

from __future__ import annotations

from pathlib import Path

import pytest

from probekit.check import checks

FILE = """
import subprocess

from probekit import hookimpl
from probekit.plugin.executor import WorkerExit


class Right:
    def carry_out(self, folders, command):
        for folder in folders:
            yield WorkerExit(folder, subprocess.run([*command, str(folder)]).returncode)


class NoCode(Right):
    def carry_out(self, folders, command):
        yield from (WorkerExit(ending.folder, 0) for ending in super().carry_out(folders, command))


class Never(Right):
    def carry_out(self, folders, command):
        yield from super().carry_out(folders[:-1], command)


class Twice(Right):
    def carry_out(self, folders, command):
        for ending in super().carry_out(folders, command):
            yield from (ending, ending)


class Pretends:
    def carry_out(self, folders, command):
        yield from (WorkerExit(folder, 0) for folder in folders)


class Shell:
    def carry_out(self, folders, command):
        for folder in folders:
            yield WorkerExit(folder, subprocess.run(" ".join([*command, str(folder)]), shell=True).returncode)


class Forgets(Right):
    def carry_out(self, folders, command):
        yield from super().carry_out(folders, command[:3])


class Leaves:
    def carry_out(self, folders, command):
        workers = {folder: subprocess.Popen([*command, str(folder)]) for folder in folders}
        for folder, worker in workers.items():
            yield WorkerExit(folder, worker.wait())


class Silent(Right):
    def submit(self, folders, command):
        list(self.carry_out(folders, command))


class NoMethod:
    pass


class Follows:
    @hookimpl
    def probekit_run_progress(self, plan, row):
        self.last = row["loss"]


class NoHook:
    def probekit_run_finished(self, result):
        pass


class Argument:
    @hookimpl
    def probekit_run_finished(self, result, folder):
        pass


class Assumes:
    @hookimpl
    def probekit_run_finished(self, result):
        self.error = result.metrics["error"]


class Refuses:
    @hookimpl
    def probekit_run_started(self, plan):
        raise ValueError(plan.folder)


class Once:
    def __init__(self):
        open("log.txt", "x").close()

    @hookimpl
    def probekit_run_finished(self, result):
        pass


class Writes:
    @hookimpl
    def probekit_run_started(self, plan, path):
        (path / "mine.txt").touch()


class Spoils:
    @hookimpl
    def probekit_run_progress(self, plan, row):
        import torch

        torch.set_grad_enabled(False)


class Draws:
    @hookimpl
    def probekit_run_progress(self, plan, row):
        import torch

        torch.manual_seed(7)
"""


WRONG_PLUGINS = [
    ("executor", "Right", ""),
    ("executor", "NoCode", "exit-codes-are-those-of-the-workers"),
    ("executor", "Never", "every-run-ends-once"),
    ("executor", "Twice", "every-run-ends-once"),
    ("executor", "Pretends", "every-run-ends-once"),
    ("executor", "Shell", "the-command-stays-whole"),
    ("executor", "Forgets", "the-command-stays-whole"),
    ("executor", "Leaves", "stops-its-workers"),
    ("executor", "NoMethod", "every-run-ends-once"),
    ("observer", "Follows", ""),
    ("observer", "NoHook", "implements-a-hook"),
    ("observer", "Argument", "implements-a-hook"),
    ("observer", "Assumes", "observes-a-failed-run"),
    ("observer", "Once", "observes-several-runs"),
    ("observer", "Writes", "changes-no-run"),
    ("observer", "Spoils", "changes-no-run"),
    ("observer", "Draws", ""),
    ("executor", "NoCode", "a-killed-worker-is-not-done"),
    ("executor", "Silent", "submitted-workers-start"),
    ("observer", "Refuses", "observes-a-run"),
]
"""Kind and name of a plugin, and the check that it fails; "" if it passes all."""


def failed_checks(kind: str, name: str) -> set[str]:
    """Return the names of the checks that a component fails."""
    findings = [check.evaluate() for check in checks(kind, name)]
    return {finding.check for finding in findings if finding.state == "fails"}


@pytest.mark.parametrize(("kind", "name", "failing"), WRONG_PLUGINS)
def test_what_is_wrong_fails_its_check(kind: str, name: str, failing: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    failed = failed_checks(kind, f"{tmp_path}/mine.py:{name}")
    assert failing in failed if failing else not failed


@pytest.mark.parametrize(("kind", "name"), [("executor", "local"), ("observer", "csv")])
def test_built_in_ones_pass(kind: str, name: str) -> None:
    assert failed_checks(kind, name) == set()
