"""What is guarded: runs are those of one process wherever they are made, and a lost machine loses none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Run

from probekit.check import checks

WORDS = ("grouping", "-s", "lambda", "-s", "average", "--scale", "smoke", "--seeds", "2")
LONG = ("grouping", "-s", "lambda", "--scale", "smoke", "--trainer", "supervised(epochs=12)")


def weights(store: Path) -> dict[str, str]:
    """The hash of each run's weights, by the run's folder."""
    return {path.parent.name: json.loads(path.read_text())["weights"] for path in store.glob("*/result.json")}


def sent(executor: str, store: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "probekit", "run", *words, "--executor", executor, "--store", str(store)]
    return subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def statuses(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return [row["status"] for row in json.loads(out)]


def alone(store: Path, *words: str) -> dict[str, str]:
    """The weights of the same runs, made in one process with one thread."""
    done = subprocess.run(
        [sys.executable, "-m", "probekit", "run", *words, "--store", str(store)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return weights(store)


def begun(store: Path, process: subprocess.Popen[str], rows: int = 3) -> Path:
    """Wait until a run has saved a checkpoint and logged some rows; return its folder."""
    for _ in range(3600):
        assert process.poll() is None, process.communicate()
        for path in store.glob("*/checkpoint.safetensors"):
            if (path.parent / "log.jsonl").read_text().count("\n") > rows:
                return path.parent
        time.sleep(0.05)
    raise AssertionError("no run saved a checkpoint")


def failed_checks(executor: str) -> dict[str, str]:
    """Return the reasons of the checks that an executor fails, by name."""
    findings = [check.evaluate() for check in checks("executor", executor)]
    return {finding.check: finding.reason for finding in findings if finding.state == "fails"}


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A Ray cluster whose head carries out nothing, with one more node."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    cluster.node = cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize("shared", ["true", "false"])
def test_ray_makes_the_weights_of_one_process(shared: str, cluster: Any, tmp_path: Path) -> None:
    cluster.add_node(num_cpus=1)
    executor = f"ray(address='{cluster.address}', shared={shared})"
    assert statuses(sent(executor, tmp_path / "a", *WORDS)) == ["done"] * 4
    assert weights(tmp_path / "a") == alone(tmp_path / "b", *WORDS)


@pytest.mark.slow
def test_ray_keeps_the_promises_of_an_executor(cluster: Any) -> None:
    assert failed_checks(f"ray(address='{cluster.address}')") == {}


@pytest.mark.slow
def test_a_queue_keeps_the_promises_of_an_executor() -> None:
    pytest.importorskip("submitit")
    assert failed_checks("slurm(cluster=local, cpus=1)") == {}


@pytest.mark.slow
def test_a_ray_node_that_is_lost_midway_loses_nothing(cluster: Any, tmp_path: Path) -> None:
    process = sent(f"ray(address='{cluster.address}')", tmp_path / "a", *LONG)
    begun(tmp_path / "a", process)
    cluster.remove_node(cluster.node, allow_graceful=False)
    cluster.add_node(num_cpus=1)
    assert statuses(process) == ["done"]
    assert weights(tmp_path / "a") == alone(tmp_path / "b", *LONG)


@pytest.mark.slow
def test_a_ray_cluster_that_is_not_there_is_said(probekit: Run, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    words = ("run", *LONG, "--executor", "ray(address='127.0.0.1:1')", "--store", str(tmp_path))
    done = probekit(*words)
    assert done.returncode == 2
    assert "ray start --head" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_preempted_task_of_a_queue_is_queued_anew_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    process = sent("slurm(cluster=local, chunk=2, cpus=1)", tmp_path / "a", *LONG, "--seeds", "2")
    begun(tmp_path / "a", process)
    found = subprocess.run(
        ["pgrep", "-f", f"submitit.core._submit {tmp_path}"], capture_output=True, text=True
    )
    (task,) = map(int, found.stdout.split())
    os.kill(task, signal.SIGUSR2)
    assert statuses(process) == ["done"] * 2
    assert weights(tmp_path / "a") == alone(tmp_path / "b", *LONG, "--seeds", "2")
    assert list((tmp_path / "a" / ".slurm").iterdir()) == []


def test_a_queue_refuses_a_store_that_other_machines_do_not_see(probekit: Run, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    done = probekit("run", *LONG, "--executor", "slurm", "--store", str(tmp_path))
    assert done.returncode == 2
    assert "other machines do not see that disk" in done.stderr


@pytest.mark.parametrize("name", ["ray", "slurm"])
def test_an_executor_whose_library_is_missing_says_what_to_install(
    name: str, probekit: Run, tmp_path: Path
) -> None:
    library = {"ray": "ray", "slurm": "submitit"}[name]
    (tmp_path / f"{library}.py").write_text("raise ImportError('none')\n")
    done = probekit("run", *LONG, "--executor", name, "--store", str(tmp_path / "runs"), path=tmp_path)
    assert done.returncode == 2
    assert f"pip install 'probekit-nn[{name}]'" in done.stderr


@pytest.mark.slow
def test_what_is_detached_outlives_its_command_and_is_stopped_by_its_number(
    probekit: Run, tmp_path: Path
) -> None:
    words = ("run", "grouping", "-s", "lambda", "--scale", "smoke", "--store", str(tmp_path))
    done = probekit(*words, "--trainer", "supervised(epochs=100000)", "--detach")
    assert done.returncode == 0, done.stderr
    assert "probekit status" in done.stderr
    number = int(done.stderr.partition("kill ")[2].split()[0].strip("`."))
    for _ in range(1200):
        said = json.loads(probekit("status", "--store", str(tmp_path), "--json").stdout)
        if said["runs"] == {"running": 1} and list(tmp_path.glob("*/checkpoint.safetensors")):
            break
        time.sleep(0.1)
    os.kill(number, signal.SIGTERM)
    for _ in range(1200):
        said = json.loads(probekit("status", "--store", str(tmp_path), "--json").stdout)
        if said["runs"] != {"running": 1}:
            break
        time.sleep(0.1)
    assert said["runs"] == {"preempted": 1}
    assert probekit("run", *words[1:], "--detach").returncode == 0


@pytest.mark.slow
def test_workers_save_and_end_when_who_started_them_is_killed(tmp_path: Path) -> None:
    process = sent("local(jobs=1)", tmp_path, *LONG[:-1], "supervised(epochs=100000)")
    folder = begun(tmp_path, process)
    process.kill()
    process.communicate()
    for _ in range(600):
        found = subprocess.run(["pgrep", "-f", folder.name], capture_output=True, text=True)
        if not found.stdout:
            break
        time.sleep(0.1)
    assert found.stdout == ""
    assert (folder / "checkpoint.safetensors").exists()
    assert not (folder / "attempt.json").exists()  # it ended with a word
