"""What is guarded: tables are run, found again and ended when told to; no row is passed over in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run

KILLER = """
import signal

from probekit.plugin.executor import WorkerExit


class Killer:
    def carry_out(self, folders, command):
        for folder in folders:
            yield WorkerExit(folder, -signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_table_is_run_printed_and_found_again(probekit: Run, tmp_path: Path) -> None:
    words = ("reproduce", "table2", "--scale", "smoke", "--store", str(tmp_path / "store"))
    first = probekit(*words, "--md", str(tmp_path / "table.md"))
    assert first.returncode == 0, first.stderr
    assert "Fourier + Decor." in first.stdout
    assert "Kendall's tau" in first.stdout
    assert (tmp_path / "table.md").read_text().startswith("# table2 at scale smoke\n\n| row |")
    other = probekit(*words, "--seeds", "2", "--dry-run")
    assert first.stdout.splitlines()[2] in other.stdout  # a row
    assert "seed 1" not in other.stderr
    again = probekit(*words, "--json")
    (table,) = json.loads(again.stdout)
    assert len(table["lines"]) == 7
    assert all(line["found"]["iou"]["0"] is not None for line in table["lines"])
    assert all(one["verdict"] != "not run" for one in table["conclusions"])


@pytest.mark.slow
def test_no_row_is_begun_when_the_time_is_over(probekit: Run, tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = probekit("reproduce", "table2", "--scale", "smoke", "--store", str(store), "--minutes", "0")
    assert first.returncode == 0, first.stderr
    assert "7 of 7 runs remain. The same command continues." in first.stderr
    assert list(store.glob("*/result.json")) == []


@pytest.mark.slow
def test_minutes_that_end_leave_a_checkpoint_from_which_the_same_command_goes_on(
    probekit: Run, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    words = ("reproduce", "table2", "--scale", "smoke", "--trainer", "supervised(epochs=100000)")
    steps = []
    for _ in range(2):
        done = probekit(*words, "--store", str(store), "--minutes", "0.5")
        assert done.returncode == 0, done.stderr
        assert "7 of 7 runs remain. The same command continues." in done.stderr
        (log,) = store.glob("*/log.jsonl")  # one run alone was begun, and the second time gone on with
        steps.append(json.loads(log.read_text().splitlines()[-1])["step"])
    assert "keys-16-pe-smoke" in log.parent.name
    assert 0 < steps[0] < steps[1]


@pytest.mark.slow
def test_tables_are_run_several_rows_at_a_time_and_found_again(probekit: Run, tmp_path: Path) -> None:
    words = ("reproduce", "table2", "table3", "--scale", "smoke", "--store", str(tmp_path))
    first = probekit(*words, "--jobs", "2", "--json")
    assert first.returncode == 0, first.stderr
    assert "14/14" in first.stderr
    assert first.stdout == probekit(*words, "--dry-run", "--json").stdout
    assert [len(table["lines"]) for table in json.loads(first.stdout)] == [7, 7]
    assert len(list(tmp_path.glob("*/result.json"))) == 14


def test_rows_whose_worker_was_killed_are_not_passed_over_in_silence(
    probekit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "killer.py").write_text(KILLER)
    words = ("reproduce", "table2", "--scale", "smoke", "--store", "runs", "--json")
    done = probekit(*words, "--executor", "./killer.py:Killer")
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("it was killed by SIGKILL") == 7
    (table,) = json.loads(done.stdout)
    assert all(line["found"] == {} for line in table["lines"])


def test_minutes_and_several_at_a_time_exclude_each_other(probekit: Run) -> None:
    for words in (("--jobs", "2"), ("--executor", "local")):
        done = probekit("reproduce", "table2", "--minutes", "1", *words)
        assert done.returncode == 2
        assert "--minutes with --executor or --jobs" in done.stderr


@pytest.mark.slow
def test_what_is_stored_is_shown_though_the_time_is_over(probekit: Run, tmp_path: Path) -> None:
    words = ("reproduce", "table2", "--scale", "smoke", "--store", str(tmp_path))
    assert probekit(*words).returncode == 0
    again = probekit(*words, "--minutes", "0")
    assert again.returncode == 0, again.stderr
    assert "are left" not in again.stderr
    assert again.stdout.count("not run") == 0
