"""Run by hand: how fast the engine trains against a bare PyTorch loop, in interleaved pairs.

On a busy machine wall time says little; `own` is the time this process computed, which waits for no disk.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from probekit.plans.job import Job, make_job

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import nn

from probekit.catalog.registry import registry
from probekit.plans.spec import make_spec
from probekit.plugin.interfaces import Row
from probekit.plugin.items import draw_split
from probekit.runs.run import run_job
from probekit.storage.store import Store
from probekit_plugins.trainers.optimisers import list_hidden_matrices

Taken = tuple[float, float]
CASES = {
    "quick": (
        "nonlocality(test=16,train=1024,validation=16)",
        "supervised(batch=16,epochs=1,lr=0.003)",
        0.98,
    ),
    "muon": (
        "nonlocality(test=16,train=1024,validation=16)",
        "supervised(batch=16,epochs=1,lr=0.003,optimiser=muon,matrix_lr=0.02)",
        0.98,
    ),
    "smoke": (
        "nonlocality(test=16,train=256,validation=16)",
        "supervised(batch=32,epochs=12,lr=0.004)",
        0.92,
    ),
}
"""By name: a probe and a recipe of a few seconds at a scale's own width, and the ratio aimed at."""
SCALE = {"muon": "quick"}
"""The scale, where it is not the name."""


class Clock:
    """Wall time and this process's own time, in seconds, since it was made."""

    def __init__(self) -> None:
        self.wall, self.own = time.monotonic(), time.process_time()

    def read(self) -> Taken:
        return time.monotonic() - self.wall, time.process_time() - self.own


def bare(job: Job) -> Taken:
    """Train as a script would, with nothing but PyTorch, and return the time it took."""
    plan, probe = job.plan, job.probe
    data = probe.data("train", plan.seed)
    for _ in draw_split(data):
        pass
    recipe = job.trainer.params
    batch, epochs, top = int(recipe["batch"] or 0), int(recipe["epochs"] or 0), float(recipe["lr"] or 0)
    torch.manual_seed(plan.seed)
    model = job.expression.build(probe.shape, plan.width)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    clock = Clock()
    hidden = list_hidden_matrices(model) if recipe["optimiser"] == "muon" else []
    rest = [p for p in model.parameters() if all(p is not one for one in hidden)]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in rest if p.ndim > 1]},
        {"params": [p for p in rest if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=top, weight_decay=0.01, fused=True)
    ]
    if hidden:
        faster = float(recipe["matrix_lr"] or 0)
        alike = {"weight_decay": 0.01, "adjust_lr_fn": "match_rms_adamw"}
        optimisers.append(torch.optim.Muon(hidden, lr=faster, **alike))
    steps = epochs * (len(data) // batch)
    warm = max(1, round(0.1 * steps))

    def rate(step: int) -> float:
        return (
            (step + 1) / warm
            if step < warm
            else 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
        )

    schedules = [torch.optim.lr_scheduler.LambdaLR(optimiser, rate) for optimiser in optimisers]
    model.train()
    for _ in range(epochs):
        order = torch.randperm(len(data)).tolist()
        for first in range(0, len(data) - batch + 1, batch):
            inputs, targets = data.batch(order[first : first + batch])  # type: ignore[attr-defined]
            loss = probe.loss(model(inputs), targets)
            model.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for optimiser, schedule in zip(optimisers, schedules, strict=True):
                optimiser.step()
                schedule.step()
    return clock.read()


def engine(job: Job) -> Taken:
    """Train in the engine; return the time from data drawn to scoring begun: log, checkpoints and all."""
    clock, taken = Clock(), (0.0, 0.0)

    def watch(stage: str, row: Row) -> None:
        nonlocal clock, taken
        if stage == "prepare":
            clock = Clock()
        if stage == "score" and row["step"] == 0:
            taken = clock.read()

    with tempfile.TemporaryDirectory() as folder:
        outcome = run_job(job, registry(), device="cpu", store=Store(Path(folder)), watch=watch)
        assert outcome.result.status == "done", outcome.result.error
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--scale", choices=CASES, action="append")
    options = parser.parse_args()
    print("scale  parameters  pairs  time  bare s  engine s  ratio  (quartiles)       aim")
    for scale in options.scale or CASES:
        probe, trainer, aim = CASES[scale]
        at = SCALE.get(scale, scale)
        spec = make_spec(probe=probe, structure="unet+lambda", scale=at, trainer=trainer)
        job = make_job(spec, registry())
        bare(job), engine(job)
        pairs: list[tuple[Taken, Taken]] = []
        for number in range(options.pairs):
            if number % 2:
                pairs.append((bare(job), engine(job)))
            else:
                ours = engine(job)
                pairs.append((bare(job), ours))
        for which, name in enumerate(("wall", "own")):
            alone = [one[which] for one, _ in pairs]
            ours_s = [other[which] for _, other in pairs]
            ratios = [one / other for one, other in zip(alone, ours_s, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
            print(
                f"{scale}  {job.plan.parameters:10,}  {len(pairs):5}  {name:4}"
                f"  {statistics.median(alone):6.2f}  {statistics.median(ours_s):8.2f}"
                f"  {middle:5.3f}  ({low:.3f} to {high:.3f})  {aim}",
                flush=True,
            )


if __name__ == "__main__":
    main()
