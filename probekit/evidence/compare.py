"""Comparison ranks structures by one metric, and claims no order within a scale's noise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from probekit.evidence.significance import Difference, SeedScores, paired_difference, significant_pairs
from probekit.plugin.interfaces import Metric
from probekit.storage.equivalence import group_equivalent, has_same_probe
from probekit.storage.result import Result

INSEPARABLE = "not separable at this scale"
BEST, BEHIND, UNKNOWN = "best", "behind", "no order claimed"


def rank_structures(
    scores: Mapping[str, SeedScores], metric: Metric, noise: float | None, decides: bool = True
) -> dict[str, tuple[str, Difference | None]]:
    """Compare each structure with the one that has the best mean.

    Args:
        scores: Scores by structure and seed.
        metric: The metric of the scores.
        noise: The scale's noise between seeds, None if it was not measured.
        decides: Whether the scale can decide anything.

    Returns:
        By structure, its standing and its difference from the best mean. A structure is behind if the two
        differ (corrected for all pairs of structures), not separable if they do not. No order is claimed with
        fewer than three seeds of each, or at a scale that does not decide. The best mean is the best only if
        all others are behind.
    """
    order = sorted(scores, key=lambda name: mean(scores[name].values()), reverse=metric.better == "higher")
    if not order:
        return {}
    first, *rest = order
    differs = significant_pairs(scores, noise)
    words = {True: BEHIND, False: INSEPARABLE, None: UNKNOWN}
    standings_of_rest: dict[str, tuple[str, Difference | None]] = {
        name: (
            words[differs[frozenset((name, first))] if decides else None],
            paired_difference(scores[name], scores[first], metric.bounds),
        )
        for name in rest
    }
    words_of_rest = {standing for standing, _ in standings_of_rest.values()}
    standing = next((word for word in (UNKNOWN, INSEPARABLE) if word in words_of_rest), BEST)
    return {first: (standing if rest else "", None), **standings_of_rest}


@dataclass(frozen=True, slots=True)
class Standing:
    """A structure's mean over seeds, the structures it beats, and those it cannot be told from."""

    structure: str
    mean: float
    seeds: int
    better_than: tuple[str, ...]
    inseparable_from: tuple[str, ...]

    def describe(self) -> str:
        """Return the standing in words."""
        parts = [f"better than {', '.join(self.better_than)}"] if self.better_than else []
        if self.inseparable_from:
            parts.append(f"{INSEPARABLE} from {', '.join(self.inseparable_from)}")
        return f"{self.structure}: {'; '.join(parts) or 'better than none of these'}"


def compare_results(results: Sequence[Result], metric: Metric) -> list[Standing] | None:
    """Compare the structures of results in one metric.

    Returns:
        The structures in the order of the results, or None if no order can be claimed. A claim needs three
        seeds of each structure.

    Raises:
        ValueError: The results are of different probes, versions, code or scales.
    """
    if len(group_equivalent(results, has_same_probe)) > 1:
        raise ValueError("you cannot compare results of different probes, versions, code or scales")
    noises = {result.plan.noise.get(metric.name) for result in results}
    noise = noises.pop() if len(noises) == 1 else None
    scores: dict[str, dict[int, float]] = defaultdict(dict)
    for result in results:
        score = result.metrics.get(metric.name)
        if score is not None:
            scores[result.plan.structure][result.plan.seed] = score
    titles = {result.plan.structure: result.plan.spec.structure for result in results}
    differs = significant_pairs(scores, noise)
    if not differs or None in differs.values():
        return None
    means = {name: mean(by_seed.values()) for name, by_seed in scores.items()}
    sign = 1 if metric.better == "lower" else -1

    def titles_where(name: str, different: bool) -> tuple[str, ...]:
        """Return the structures that `name` beats, or those it cannot be told from."""
        return tuple(
            titles[rival]
            for rival in means
            if rival != name
            and differs[frozenset((name, rival))] == different
            and (not different or sign * (means[rival] - means[name]) > 0)
        )

    return [
        Standing(
            titles[name], means[name], len(scores[name]), titles_where(name, True), titles_where(name, False)
        )
        for name in means
    ]
