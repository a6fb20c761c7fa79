"""Comparing tells which structures a scale can separate, and claims no order within its noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from probekit.interfaces import Metric
from probekit.result import Result

WIDTH = 2.78
"""Student's t at 95 % for four degrees of freedom: the fewest that a scale's noise is pooled over."""
INSEPARABLE = "not separable at this scale"


@dataclass(frozen=True, slots=True)
class Standing:
    """One structure's mean over seeds, those it is better than, and those the scale cannot tell it from."""

    structure: str
    mean: float
    seeds: int
    better_than: tuple[str, ...]
    inseparable_from: tuple[str, ...]

    def sentence(self) -> str:
        """Return the standing in words."""
        said = [f"better than {', '.join(self.better_than)}"] if self.better_than else []
        if self.inseparable_from:
            said.append(f"{INSEPARABLE} from {', '.join(self.inseparable_from)}")
        return f"{self.structure}: {'; '.join(said) or 'better than none of these'}"


def standings(results: Sequence[Result], metric: Metric) -> list[Standing] | None:
    """Return the structures, best first, by one metric of comparable results; None where the noise was not
    measured.

    Two structures of k and l seeds are separated where their means differ by more than 2.78 times the
    scale's noise times sqrt(1/k + 1/l). Results of another probe, version or scale must not be among them.
    Raises ValueError where they are.
    """
    if len({result.plan.comparable for result in results}) > 1:
        raise ValueError("results of different probes, versions or scales are not compared")
    noises = {result.plan.noise.get(metric.name) for result in results}
    if len(noises) != 1 or None in noises:
        return None
    noise = noises.pop() or 0.0
    seeds: dict[str, dict[int, float]] = defaultdict(dict)
    for result in results:
        score = result.metrics.get(metric.name)
        if score is not None:
            seeds[result.plan.structure][result.plan.seed] = score
    asked = {result.plan.structure: result.plan.spec.structure for result in results}
    means = {name: sum(found.values()) / len(found) for name, found in seeds.items()}
    order = sorted(means, key=lambda name: means[name], reverse=metric.better == "higher")

    def apart(one: str, other: str) -> bool:
        return abs(means[one] - means[other]) > WIDTH * noise * sqrt(
            1 / len(seeds[one]) + 1 / len(seeds[other])
        )

    return [
        Standing(
            asked[name],
            means[name],
            len(seeds[name]),
            tuple(asked[other] for other in order[place + 1 :] if apart(name, other)),
            tuple(asked[other] for other in order if other != name and not apart(name, other)),
        )
        for place, name in enumerate(order)
    ]
