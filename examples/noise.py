"""Print the noise between seeds of the probes and scales in a store, pooled over structures.

python examples/noise.py probekit-runs > noise.json
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from math import sqrt
from statistics import variance
from typing import Any

from probekit.plans.spec import RunSpec
from probekit.storage.behaviour import Numbers
from probekit.storage.store import Store

FEWEST = 4


def noise(store: Store) -> dict[str, dict[str, dict[str, Any]]]:
    """Pool variances by probe, scale and metric, with the degrees of freedom as weights; at least four.

    Of runs that leave probe, width and recipe as the scale sets them. With each scale stand the numbers of
    the probe, so that noise is never used for another one.
    """
    questions: dict[tuple[str, str], Numbers] = {}
    scores: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _, result in store.read_results():
        if isinstance(result, Exception) or result.status != "done":
            continue
        plan = result.plan
        if plan.spec != RunSpec(
            probe=plan.spec.probe.partition("(")[0],
            structure=plan.spec.structure,
            scale=plan.scale,
            seed=plan.seed,
        ):
            continue
        for metric, score in result.metrics.items():
            if score is not None:
                scores[plan.spec.probe, plan.scale, metric][plan.structure].append(score)
                questions[plan.spec.probe, plan.scale] = result.behaviour.probe
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (probe, scale, metric), structures in scores.items():
        several = [seeds for seeds in structures.values() if len(seeds) > 1]
        freedom = sum(len(seeds) - 1 for seeds in several)
        pooled = sum(variance(seeds) * (len(seeds) - 1) for seeds in several) / max(freedom, 1)
        # zero is no measure of how far a seed can move a score: nothing was learned
        if freedom >= FEWEST and pooled:
            known = found.setdefault(probe, {}).setdefault(scale, {"noise": {}})
            known["noise"][metric] = float(f"{sqrt(pooled):.3g}")
            known["question"] = questions[probe, scale]
    return found


if __name__ == "__main__":
    print(json.dumps(noise(Store(sys.argv[1] if len(sys.argv) > 1 else None)), indent=1))
