"""Search for a scale of nonlocality that asks for reach, with structures that have it and others that do not.

python examples/nonlocality_search.py found.jsonl --setting NAME --structure unet --seed 10
python examples/nonlocality_search.py found.jsonl --table

Each finished run is a line of the file, and is not done again. Scores are of the validation split: seeds from
10 on choose, seeds 0 to 2 confirm. Seconds are this process's own on one thread, without the scoring. The
plateau is left at the first scoring from which the foreground error stays 10 % below the best control's.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn

from probekit.catalog.registry import registry
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.plugin.interfaces import Dataset, Probe
from probekit.plugin.items import draw_split, iterate_batches
from probekit.runs.network import build_network
from probekit.scores.score import score_closed_form
from probekit_plugins.structures.blocks import build_convolution

ASKED = ("loss", "loss_foreground", "loss_far")
GLANCES, GLANCED = 16, 256
BEST, LEFT = ("constant", "colour median", "window"), 0.9

REACHING = ("unet", "unet+lambda", "unet+average")
BOUNDED = ("unet(downs=1)", "plain(depth=3)+depthwise", "window")
CPU = torch.device("cpu")


class Depthwise(nn.Module):
    """A 7 x 7 kernel a channel: three in a row see 19 x 19 pixels and nothing beyond."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__()
        self.convolution = build_convolution(size, channels, channels, 7, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolution(x)
        return y


KNOWN = registry().with_components(
    Component("layer", "depthwise", Depthwise, "7 x 7 kernels, one a channel"),
    Component(
        "structure", "window", "probekit_probes.nonlocality.controls:build_image_window", "the window control"
    ),
)

MUON = "epochs=1,optimiser=muon,lr=0.003,matrix_lr=0.02"
THREE = "rectangles=3,colours=3,validation=512"
SQUARE, LONG = f"size=32,gap=2,{THREE}", f"height=8,width=64,gap=1,{THREE}"
TWO = "height=4,width=128,gap=1,rectangles=2,colours=2,overlapping=true,beyond=24,validation=512"
# images, recipe, budget in parameters
SETTINGS: dict[str, tuple[str, str, int]] = {
    "32x32": (f"{SQUARE},train=32768", f"batch=16,{MUON}", 60_000),
    "32x32, batch 8": (f"{SQUARE},train=16384", f"batch=8,{MUON}", 60_000),
    "32x32, batch 8, huber": (f"{SQUARE},train=16384", f"batch=8,loss=huber,{MUON}", 60_000),
    "8x64": (f"{LONG},train=40000", f"batch=16,{MUON}", 60_000),
    "8x64, wide": (f"{LONG},train=24000", f"batch=8,{MUON}", 200_000),
    "4x128": (f"{TWO},train=49152", f"batch=16,{MUON}", 60_000),
    "4x128, squared": (f"{TWO},train=49152", f"batch=16,loss=squared,{MUON}", 60_000),
    "4x128, squared, brief": (f"{TWO},train=16384", f"batch=16,loss=squared,{MUON}", 60_000),
}


def errors(model: Any, probe: Probe, data: Dataset, count: int) -> dict[str, float]:
    """Return the mean errors over the first `count` items."""
    sums: dict[str, tuple[float, int]] = {}
    with torch.inference_mode():
        for _, inputs, targets in iterate_batches(data, count, 128):
            output = model(inputs)
            for metric in probe.metrics:
                if metric.name in ASKED:
                    scores = metric.score(output, targets, inputs)
                    known = ~scores.isnan()
                    total, items = sums.get(metric.name, (0.0, 0))
                    sums[metric.name] = total + float(scores[known].sum()), items + int(known.sum())
    return {name: total / max(items, 1) for name, (total, items) in sums.items()}


def train(setting: str, structure: str, seed: int) -> dict[str, Any]:
    """Train one structure, scoring it 16 times on the way; return the line to keep."""
    images, recipe, budget = SETTINGS[setting]
    asked = make_spec(
        probe=f"nonlocality({images})",
        structure=structure,
        trainer=f"supervised({recipe})",
        seed=seed,
        budget=budget,
    )
    job = make_job(asked, KNOWN)
    plan, probe = job.plan, job.probe
    split, held = probe.data("train", seed), probe.data("validation", seed)
    for data in (split, held):
        for _ in draw_split(data):
            pass
    controls = {
        name: score_closed_form(control, probe, split, held, len(held))
        for name, control in probe.controls().items()
        if hasattr(control, "fit")
    }
    model = build_network(job.expression, probe.shape, plan, CPU)
    trainer = job.trainer.make()
    curve, spent, wall, highest = [], 0.0, 0.0, 0.0
    began, clock = time.monotonic(), time.process_time()
    model.train()
    for row in trainer.fit(model, probe, split, seed=seed, device=CPU):
        highest = max(highest, row["loss"])
        if row["step"] * GLANCES // row["steps"] > len(curve):
            spent, wall = spent + time.process_time() - clock, wall + time.monotonic() - began
            model.eval()
            seen = errors(model, probe, held, min(GLANCED, len(held)))["loss_foreground"]
            curve.append([row["step"], round(spent, 1), round(seen, 5)])
            model.train()
            began, clock = time.monotonic(), time.process_time()
    model.eval()
    return {
        "setting": setting,
        "images": images,
        "recipe": recipe,
        "structure": structure,
        "seed": seed,
        "parameters": plan.parameters,
        "steps": row["steps"],
        "seconds": round(spent, 1),
        "wall": round(wall, 1),
        "highest": round(highest, 4),
        **errors(model, probe, held, len(held)),
        "headline": probe.metrics[0].name,
        "controls": {
            name: {which: scores[which] for which in ASKED if which in scores}
            for name, scores in controls.items()
        },
        "curve": curve,
    }


def read(path: Path) -> list[dict[str, Any]]:
    """Return the runs that are done."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def place(run: dict[str, Any]) -> float:
    """Return how far a run has come from the best closed-form control to perfect, in the headline."""
    name = run.get("headline", "loss")
    return 1 - float(run[name]) / min(float(scores[name]) for scores in run["controls"].values())


def left(run: dict[str, Any], runs: list[dict[str, Any]]) -> tuple[int, float] | None:
    """Return the step and the seconds at which a run has left the plateau for good, None where it has not."""
    bars = [float(scores["loss_foreground"]) for scores in run["controls"].values()]
    bars += [
        float(r["loss_foreground"])
        for r in runs
        if r["structure"] == "window" and r["setting"] == run["setting"]
    ]
    found = None
    for step, seconds, error in reversed(run["curve"]):
        if error > LEFT * min(bars):
            break
        found = step, seconds
    return found


def table(runs: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a Markdown table, a run a line, the settings in the order in which they were begun."""
    yield (
        "| setting | structure | group | seed | parameters | steps | step, s until the plateau is left | s | "
        "foreground | loss | place |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    order = list(dict.fromkeys(run["setting"] for run in runs))
    ranks = {name: rank for rank, name in enumerate((*REACHING, *BOUNDED))}
    for run in sorted(runs, key=lambda r: (order.index(r["setting"]), r["seed"], ranks[r["structure"]])):
        at = left(run, runs)
        cells = (
            run["setting"],
            run["structure"],
            "reaching" if run["structure"] in REACHING else "bounded",
            run["seed"],
            f"{run['parameters']:,}",
            f"{run['steps']:,}",
            "never" if at is None else f"{at[0]:,}, {at[1]:.0f}",
            f"{run['seconds']:.0f}",
            f"{run['loss_foreground']:.4f}",
            f"{run['loss']:.4f}",
            f"{place(run):.0%}",
        )
        yield f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--setting", choices=SETTINGS, action="append")
    parser.add_argument("--structure", choices=(*REACHING, *BOUNDED), action="append")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print("\n".join(table(read(options.file))))
        return
    for setting in options.setting or SETTINGS:
        for seed in options.seed or [10]:
            for structure in options.structure or (*REACHING, *BOUNDED):
                done = {(run["setting"], run["structure"], run["seed"]) for run in read(options.file)}
                if (setting, structure, seed) not in done:
                    run = train(setting, structure, seed)
                    with options.file.open("a") as file:
                        file.write(json.dumps(run) + "\n")
                    print(f"{setting} {structure} {seed} {run['seconds']} s {place(run):.1%}", flush=True)


if __name__ == "__main__":
    main()
