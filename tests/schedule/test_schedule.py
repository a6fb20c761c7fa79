"""What is guarded: every executor yields the same events, and cores are shared out as documented."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from small import job

import probekit
from probekit.catalog.registry import registry
from probekit.plans.job import Job
from probekit.plugin.errors import UsageError
from probekit.plugin.stop import TimeLimit
from probekit.schedule import cores
from probekit.schedule.event import Event, collect_report
from probekit.schedule.schedule import Schedule
from probekit.storage.store import Store

BAD = """
from torch import nn


class Bad(nn.Module):
    def __init__(self, channels, size):
        super().__init__()

    def forward(self, x):
        assert not self.training, "no training"
        return x
"""
SMALL = {"probe": "grouping(test=16,train=64,validation=8)"}
NAMES = ("plain+average", "plain+linear-attention", "plain+./bad.py:Bad")


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Return three jobs: one that the store has, one that it lacks, one that fails."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(BAD)
    planned = [job(structure=name, **SMALL) for name in NAMES]
    assert run(planned[:1])[-1].status == "done"
    return planned


def run(jobs: Sequence[Job], **options: object) -> list[Event]:
    """Return the events of jobs in the store of the current folder."""
    return list(Schedule(Store(Path("runs")), **options).run_all(jobs, registry()))  # type: ignore[arg-type]


@contextlib.contextmanager
def start_ray() -> Iterator[str]:
    """Start a Ray cluster and yield its address."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def summary(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Return the structure and status of each event, in an order that does not hang on workers."""
    return sorted((event.job.plan.spec.structure, event.status) for event in events)


EXPECTED = sorted(
    [
        ("plain+average", "stored"),
        ("plain+linear-attention", "started"),
        ("plain+linear-attention", "done"),
        ("plain+bad.py:Bad", "started"),
        ("plain+bad.py:Bad", "failed"),
    ]
)


@pytest.mark.parametrize(
    "executor",
    [
        None,
        "local(jobs=2)",
        pytest.param("ray(address='{}')", marks=pytest.mark.slow),
        pytest.param("slurm(cluster=local,cpus=1)", marks=pytest.mark.slow),
    ],
)
def test_every_executor_yields_the_same_events(executor: str | None, jobs: list[Job]) -> None:
    with contextlib.ExitStack() as stack:
        if str(executor).startswith("ray"):
            executor = str(executor).format(stack.enter_context(start_ray()))
        elif str(executor).startswith("slurm"):
            pytest.importorskip("submitit")
        events = run(jobs, executor=executor)
    names = [(name.replace("./", ""), status) for name, status in summary(events)]
    assert sorted(names) == EXPECTED
    (failed,) = [event for event in events if event.status == "failed"]
    assert failed.result is not None
    assert "no training" in failed.result.error


@pytest.mark.slow
def test_a_detached_process_logs_the_same_endings(jobs: list[Job]) -> None:
    events = run(jobs, detach=True)
    assert [event.status for event in events] == ["stored", "planned", "planned"]
    lines: list[str] = []
    for _ in range(600):
        lines = [line for log in Path("runs/.detached").iterdir() for line in log.read_text().splitlines()]
        if len(lines) == 2:
            break
        time.sleep(0.1)
    assert sorted(line.split(": ")[1].split()[0] for line in lines) == ["done", "failed"]


def test_a_job_under_two_names_runs_once(jobs: list[Job]) -> None:
    twice = [jobs[0], job(structure="plain+average()", **SMALL)]
    report = collect_report(twice, Schedule(Store(Path("runs"))).run_all(twice, registry()))
    assert [event.status for event in report.events] == ["stored", "stored"]
    assert len(report.outcomes) == 1


def test_force_trains_what_is_stored(jobs: list[Job]) -> None:
    assert [event.status for event in run(jobs[:1], force=True)] == ["started", "done"]


def test_no_time_left_plans_the_rest(jobs: list[Job]) -> None:
    events = run(jobs, limit=TimeLimit(0.0))
    assert [event.status for event in events] == ["stored", "planned", "planned"]


def test_ctrl_c_ends_each_job_with_an_event(jobs: list[Job]) -> None:
    def interrupt(stage: str, row: object) -> None:
        raise KeyboardInterrupt

    events = Schedule(Store(Path("runs"))).run_all(jobs, registry(), interrupt)
    report = collect_report(jobs, events)
    assert [event.status for event in report.events] == ["stored", "interrupted", "planned"]
    assert report.interruption is not None


def test_an_unknown_executor_is_refused(jobs: list[Job]) -> None:
    with pytest.raises(UsageError, match="Did you mean local"):
        run(jobs, executor="locl")


@pytest.mark.parametrize(
    ("text", "threads"), [(None, 1), ("3", 3), ("2,1", 2), ("", 1), ("many", 1), ("0", 1)]
)
def test_a_run_takes_one_thread_or_omp_num_threads(
    text: str | None, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(cores.THREADS, raising=False)
    if text is not None:
        monkeypatch.setenv(cores.THREADS, text)
    assert cores.default_threads() == threads


@pytest.mark.parametrize(
    ("runs", "threads", "seconds", "at_once"),
    [
        (8, 1, 600.0, 4),
        (3, 1, 600.0, 3),
        (8, 2, 600.0, 2),
        (8, 8, 600.0, 1),
        (1, 1, 600.0, 1),
        (8, 1, 8.0, 1),
    ],
)
def test_runs_take_all_cores_unless_they_are_short(
    runs: int, threads: int, seconds: float, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)))
    assert cores.choose_jobs(runs, threads, "cpu", seconds) == at_once


@pytest.mark.parametrize(("index", "at_once"), [(None, 3), (1, 1)])
def test_a_gpu_has_one_run(index: int | None, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert cores.count_gpus(index) == at_once


def test_threads_are_those_of_the_schedule_and_are_put_back(jobs: list[Job]) -> None:
    before = torch.get_num_threads()
    (event,) = [event for event in run(jobs[1:2], threads=2) if event.result]
    assert event.result is not None
    assert event.result.environment.threads == 2
    assert torch.get_num_threads() == before


def test_python_needs_no_command_line() -> None:
    heavy = "{'typer', 'click', 'torch'}"
    code = f"import sys, probekit; probekit.run; sys.exit(not {heavy}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_python_runs_lists(tmp_path: Path) -> None:
    results = probekit.run(
        ["recall(test=16,train=32,validation=8)", "parity(test=16,train=32,validation=8)"],
        ["gru", "linear-attention"],
        scale="smoke",
        seeds=2,
        store=tmp_path,
    )
    assert len(results) == 8
    assert {(result.plan.spec.structure, result.plan.seed) for result in results} == {
        (name, seed) for name in ("gru", "linear-attention") for seed in (0, 1)
    }
