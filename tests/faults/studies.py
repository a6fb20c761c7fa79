"""Studies of several workers lose a worker, their caller, a node, a host or an hour; what they end with must
be what one process makes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from faults.kills import trained
from faults.report import Trial

STUDY = """
probes = ["nonlocality(test=16,train=64,validation=8)"]
structures = ["unet", "unet+average"]
scales = ["smoke"]
trainers = ["supervised(batch=16,epochs=20)"]
seeds = 2
"""
KILLS = 4
OTHER_HOST = (
    "import socket, sys; socket.gethostname = lambda: 'elsewhere'\n"
    "from probekit.storage import lock; lock.LIFE, lock.BEAT, lock.SETTLED = 2.0, 0.3, 3.0\n"
    "from probekit.work import run_worker; sys.exit(run_worker())"
)
HERE = OTHER_HOST.replace("socket.gethostname = lambda: 'elsewhere'", "pass")
LAYER = """
from torch import nn


class Own(nn.Conv2d):
    def __init__(self, channels, size):
        super().__init__(channels, channels, {side}, padding={side} // 2)
"""


def start(folder: Path, store: Path, *words: str) -> subprocess.Popen[bytes]:
    """Start the study, or go on with it."""
    study = folder / "study.toml"
    study.write_text(STUDY)
    command = [sys.executable, "-m", "probekit", "run", "--study", str(study), "--device", "cpu", "--json"]
    return subprocess.Popen(
        [*command, "--store", str(store), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def train_whole(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Run the study without a fault, and return what came of it, as `trained` does."""
    assert start(folder, folder / "whole").wait() == 0
    return trained(folder / "whole")


def workers(store: Path) -> list[int]:
    """Return the processes that work in a store."""
    found = subprocess.run(["pgrep", "-f", f"probekit.work.*{store}/"], capture_output=True, text=True)
    return [int(number) for number in found.stdout.split()]


def judged(part: str, how: str, store: Path, whole: object, code: int) -> Trial:
    """Judge a study that was ended."""
    if code:
        errors = [json.loads(path.read_text())["error"] for path in store.glob("*/result.json")]
        refused = any("its process died" in error for error in errors)
        return Trial(part, how, "refused" if refused else "lost", f"exit {code} {errors}")
    return Trial(part, how, "harmless" if trained(store) == whole else "accepted wrong")


def of_studies(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Kill workers of a study of four at random, or now and then who started them."""
    moments = random.Random(f"{seed} studies")
    whole = train_whole(folder)
    begun = time.monotonic()
    assert start(folder, folder / "timed", "--jobs", "4").wait() == 0
    took, number, kills = time.monotonic() - begun, 0, 0
    assert trained(folder / "timed") == whole
    while kills < times:
        store, number, own = folder / str(number), number + 1, 0
        while own < KILLS:
            process = start(folder, store, "--jobs", "4")
            time.sleep(moments.uniform(0, took))
            caller = moments.random() < 0.25
            victims = [process.pid] if caller else workers(store)
            if process.poll() is None and victims:
                with_pid = moments.choice(victims)
                try:
                    os.kill(with_pid, signal.SIGKILL)
                    own += 1
                except ProcessLookupError:
                    pass
            elif process.poll() == 0:
                break
            process.wait()
        kills += max(1, own)
        code = start(folder, store, "--jobs", "4").wait()
        yield judged("studies of four workers, killed", f"{own} kills", store, whole, code)


def of_hosts(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Kill a worker on another machine, whose lock this one does not see; another takes its run over."""
    moments = random.Random(f"{seed} hosts")
    whole = train_whole(folder)
    for number in range(times):
        store = folder / f"host{number}"
        process = start(folder, store, "--executor", "local(jobs=1)")
        while not (found := sorted(store.glob("*/spec.json"))):
            time.sleep(0.05)
        process.kill()
        process.wait()
        run = found[0].parent
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        there = subprocess.Popen([sys.executable, "-c", OTHER_HOST, str(run)], env=env)
        while not (run / ".lease").exists():
            time.sleep(0.02)
        (run / ".lock").unlink(missing_ok=True)  # as on a disk that tells other machines of no lock
        time.sleep(moments.uniform(0, 3))
        there.kill()
        there.wait()
        code = subprocess.run([sys.executable, "-c", HERE, str(run)], env=env, check=False).returncode
        code = code or start(folder, store).wait()
        yield judged("a worker's host is gone", "taken over", store, whole, code)


def of_clocks(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Kill a study and set all its files' times back, or ahead, as a clock that is set leaves them."""
    moments = random.Random(f"{seed} clocks")
    whole = train_whole(folder)
    for number in range(times):
        store, hours = folder / f"clock{number}", moments.choice((-1000, -1, 1, 1000))
        process = start(folder, store, "--jobs", "2")
        time.sleep(moments.uniform(2, 8))
        process.kill()
        process.wait()
        then = time.time() + 3600 * hours
        for path in store.rglob("*"):
            os.utime(path, (then, then))
        code = start(folder, store, "--jobs", "2").wait()
        yield judged("the clock is set", f"by {hours} h", store, whole, code)


def of_upgrades(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Kill a run of a layer from a file, and change the file: the old run is not gone on with."""
    moments = random.Random(f"{seed} upgrades")
    path = folder / "own.py"
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    for number in range(times):
        store = folder / f"upgrade{number}"
        path.write_text(LAYER.format(side=3))
        command = [
            *(sys.executable, "-m", "probekit", "run", "nonlocality(test=16,train=64,validation=8)"),
            *("-s", f"unet+{path}:Own", "--scale", "smoke", "--trainer", "supervised(batch=16,epochs=60)"),
            *("--store", str(store), "--device", "cpu"),
        ]
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(store.glob("*/checkpoint.safetensors")):
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 1))
        process.kill()
        process.wait()
        (old,) = (found.parent for found in store.glob("*/spec.json"))
        path.write_text(LAYER.format(side=5))
        refused = subprocess.run(
            [sys.executable, "-m", "probekit.work", str(old), "--allow-code"], env=env, capture_output=True
        )
        anew = subprocess.run(command, env=env, capture_output=True).returncode
        done = {found.parent.name for found in store.glob("*/result.json")}
        part = "a layer is upgraded between kill and resume"
        if refused.returncode == 0 or old.name in done:
            yield Trial(part, "gone on with", "accepted wrong")
        else:
            yield Trial(part, "run anew", "refused" if anew == 0 and len(done) == 1 else "lost")


def of_nodes(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Remove a node of a Ray cluster while it works."""
    from ray.cluster_utils import Cluster

    moments = random.Random(f"{seed} nodes")
    whole = train_whole(folder)
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for number in range(times):
        node, store = cluster.add_node(num_cpus=2), folder / f"node{number}"
        process = start(folder, store, "--executor", f"ray(address='{cluster.address}')")
        while process.poll() is None and not list(store.glob("*/checkpoint.safetensors")):
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 1))
        cluster.remove_node(node, allow_graceful=False)
        node = cluster.add_node(num_cpus=2)
        code = process.wait()
        cluster.remove_node(node)
        yield judged("a Ray node is lost", "", store, whole, code)
    cluster.shutdown()


def of_arrays(folder: Path, times: int, seed: int) -> Iterator[Trial]:
    """Preempt a task of a queue while it works."""
    moments = random.Random(f"{seed} arrays")
    whole = train_whole(folder)
    for number in range(times):
        store = folder / f"array{number}"
        process = start(folder, store, "--executor", "slurm(cluster=local, chunk=2, cpus=1)")
        while process.poll() is None and not list(store.glob("*/checkpoint.safetensors")):
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 1))
        pattern = f"submitit.core._submit {store}"
        found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout.split()
        for task in found[:1]:
            os.kill(int(task), signal.SIGUSR2)
        yield judged("an array's task is preempted", f"{len(found)} tasks", store, whole, process.wait())


ALL: dict[str, tuple[Callable[[Path, int, int], Iterator[Trial]], float]] = {
    "studies": (of_studies, 0.5),
    "hosts": (of_hosts, 0.03),
    "clocks": (of_clocks, 0.03),
    "upgrades": (of_upgrades, 0.03),
    "nodes": (of_nodes, 0.02),
    "arrays": (of_arrays, 0.03),
}
"""By name: what is done, and how many times for one that is asked for."""
