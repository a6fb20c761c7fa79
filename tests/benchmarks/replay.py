"""Run by hand: what a replay of a stored run takes beyond importing torch, for every probe and layer.

    python tests/benchmarks/replay.py [--scale quick] [--grid 100]

Each run is trained on few items, then found again: planned, its files checked, its first three steps and its
answers to sixteen test items taken anew, with nothing that this process remembers of its probe.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from probekit.catalog.registry import Registry, registry
from probekit.plans.job import Job, make_job
from probekit.plans.scale import make_probe_at
from probekit.plans.spec import RunSpec, make_spec
from probekit.plugin.errors import ProbekitError
from probekit.plugin.interfaces import Probe
from probekit.runs.fingerprint import _observed
from probekit.runs.replay import Replay
from probekit.runs.run import find_stored, run_job
from probekit.storage.store import Store

DEVICE = torch.device("cpu")
FEW = "train=256,validation=32,test=64"


def main() -> None:
    """Print the seconds that each replay takes, and their median; then those of a grid of stored runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", default="quick")
    parser.add_argument("--grid", type=int, default=100, help="stored runs of one command")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    known = registry()
    with tempfile.TemporaryDirectory() as place:
        store, found = Store(Path(place)), []
        for spec in specs(known, asked.scale):
            job = make_job(spec, known)
            outcome = run_job(job, known, device="cpu", store=store)
            if outcome.result.status != "done":
                print(f"{spec.structure} on {spec.probe} failed: {outcome.result.error[:80]}")
                continue
            _observed.clear()
            start = time.perf_counter()
            job = make_job(spec, known)
            planned = time.perf_counter() - start
            replay(job, store)
            seconds = time.perf_counter() - start
            found.append((seconds, planned))
            print(f"{seconds:6.2f} s, planning {planned:5.2f}: {spec.structure} on {spec.probe}", flush=True)
        median, planning = (statistics.median(one[column] for one in found) for column in (0, 1))
        print(f"{len(found)} replays: median {median:.2f} s, of which planning {planning:.2f}")
        job = make_job(next(specs(known, asked.scale)), known)
        jobs = [job.with_seed(seed) for seed in range(asked.grid)]
        for one in jobs:
            run_job(one, known, device="cpu", store=store)
        start = time.perf_counter()
        for one in jobs:
            replay(one, store)
        print(f"a grid of {len(jobs)} stored runs: {time.perf_counter() - start:.1f} s")


def replay(job: Job, store: Store) -> None:
    """Find a stored run again."""
    assert find_stored(job, store, Replay(job, DEVICE)) is not None, job.name


def specs(known: Registry, scale: str) -> Iterator[RunSpec]:
    """Yield each probe with its host, and each layer on the probes that take it."""
    for probe in known.components("probe"):
        made: Probe = make_probe_at(probe.name, scale, known)
        takes = known.load_target(probe)
        sized = f"{probe.name}({FEW})" if "train" in takes.__init__.__kwdefaults__ else probe.name
        layers = [f"+{layer.name}" for layer in known.components("layer")]
        for layer in ["", *(layers if probe.name in ("nonlocality", "recall") else [])]:
            spec = make_spec(probe=sized, structure=made.structure + layer, scale=scale)
            try:
                make_job(spec, known)
            except ProbekitError:
                continue  # the layer is not causal, or takes no such size
            yield spec


if __name__ == "__main__":
    main()
