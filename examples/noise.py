"""Print how much scores vary between seeds, by probe and scale, from the runs of a store.

python examples/noise.py probekit-runs > noise.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from math import sqrt
from typing import Any

from probekit.evidence.noise_model import measure_spread
from probekit.plans.spec import RunSpec
from probekit.storage.result import Result
from probekit.storage.store import Store

MIN_FREEDOM = 4


def measure_noise(store: Store) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by probe and scale: the pooled deviations, each structure's own spread, and the probe's numbers.

    Of runs that leave probe, width and recipe as the scale sets them. The noise is never used for a probe
    with other numbers. Deviations are pooled by degrees of freedom, of which there must be at least four.
    """
    runs: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for _, result in store.read_results():
        if not isinstance(result, Exception) and result.status == "done" and is_at_scale(result):
            runs[result.plan.spec.probe, result.plan.scale].append(result)
    measured: dict[str, dict[str, dict[str, Any]]] = {}
    for (probe, scale), results in sorted(runs.items()):
        metrics = {metric: gather_spreads(results, metric) for metric in results[0].metrics}
        noise = {metric: pooled for metric, spreads in metrics.items() if (pooled := pool_deviation(spreads))}
        if noise:
            measured.setdefault(probe, {})[scale] = {
                "noise": noise,
                "spreads": {metric: metrics[metric] for metric in noise},
                "question": results[0].behaviour.probe,
            }
    return measured


def is_at_scale(result: Result) -> bool:
    """Tell whether a run left probe, width and recipe as the scale sets them."""
    plan = result.plan
    probe = plan.spec.probe.partition("(")[0]
    return plan.spec == RunSpec(probe=probe, structure=plan.spec.structure, scale=plan.scale, seed=plan.seed)


def gather_spreads(results: list[Result], metric: str) -> dict[str, dict[str, Any]]:
    """Return the spread of a metric by structure, of structures with several seeds."""
    scores: dict[str, list[float]] = defaultdict(list)
    identities: dict[str, list[str]] = defaultdict(list)
    for result in sorted(results, key=lambda result: result.plan.seed):
        score = result.metrics.get(metric)
        if score is not None:
            scores[result.plan.structure].append(score)
            identities[result.plan.structure].append(result.plan.identity)
    spreads = {name: measure_spread(found) for name, found in sorted(scores.items()) if len(found) > 1}
    return {
        name: {
            "mean": float(f"{spread.mean:.6g}"),
            "variance": float(f"{spread.variance:.6g}"),
            "seeds": spread.seeds,
            "runs": identities[name],
        }
        for name, spread in spreads.items()
    }


def pool_deviation(spreads: dict[str, dict[str, Any]]) -> float | None:
    """Return the pooled standard deviation; None of too few seeds, or if none moved a score."""
    freedom = sum(spread["seeds"] - 1 for spread in spreads.values())
    squares = sum(spread["variance"] * (spread["seeds"] - 1) for spread in spreads.values())
    return float(f"{sqrt(squares / freedom):.3g}") if freedom >= MIN_FREEDOM and squares else None


if __name__ == "__main__":
    print(json.dumps(measure_noise(Store(sys.argv[1] if len(sys.argv) > 1 else None)), indent=1))
