"""Print what the battery of `probekit certify` reaches on every installed probe, as Markdown; no training.

python examples/battery.py quick > examples/results/battery.md
python examples/battery.py smoke grouping recall
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import torch

from probekit.battery.attack import SolverScore, find_best, focus_metric, run_battery
from probekit.battery.floor import HEADS, MAX_SHORTCUT, format_share, list_inapplicable, make_rows
from probekit.battery.items import FIT_ITEMS, TEST_ITEMS
from probekit.catalog.registry import registry
from probekit.plans.scale import make_probe_at
from probekit.plugin.interfaces import Metric, Probe
from probekit.scores.score import best_control_scores, score_controls

VERSIONS = ("torch", "numpy", "scikit-learn")


def list_lines(names: Sequence[str], scale: str) -> Iterator[str]:
    """Yield the lines of the page: a summary, then one table per probe."""
    tables: dict[str, tuple[SolverScore, ...]] = {}
    probes: dict[str, Probe] = {}
    floors: dict[str, float | None] = {}
    for name in names:
        print(name, file=sys.stderr, flush=True)
        probe = probes[name] = make_probe_at(name, scale, registry())
        tables[name] = run_battery(probe)
        controls = score_controls(probe, probe.data("train", 0), probe.data("test", 0), added=True)
        floors[name] = best_control_scores(probe, controls)[focus_metric(probe).name]
    yield f"# What generic shortcuts reach, scale {scale}"
    yield ""
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS)
    yield f"`python examples/battery.py {scale}`; {versions}, CPU, one thread."
    yield f"Solvers are fitted on {FIT_ITEMS:,} training items and scored on {TEST_ITEMS} test items."
    yield "`from chance` is the normalised score: 0 % is chance (or a constant's score), 100 % is perfect."
    yield f"A probe passes if no solver without the property reaches more than {MAX_SHORTCUT:.0%}."
    yield ""
    yield "| probe | metric | own closed-form floor | best shortcut | score | from chance | |"
    yield "|---|---|---|---|---|---|---|"
    for name, table in tables.items():
        metric = focus_metric(probes[name])
        yield summarise_probe(name, metric, floors[name], find_best(table, metric))
    for name, table in tables.items():
        yield from list_table(name, focus_metric(probes[name]), table)


def summarise_probe(name: str, metric: Metric, floor: float | None, best: SolverScore | None) -> str:
    """Return the row of a probe in the summary."""
    if best is None:
        return f"| {name} | {metric.name} | {floor:.4g} | - | - | - | not measured |"
    holds = best.normalized_score is not None and best.normalized_score <= MAX_SHORTCUT
    cells = [name, metric.name, f"{floor:.4g}", best.solver, f"{best.scores[metric.name]:.4g}"]
    return f"| {' | '.join([*cells, format_share(best), 'passes' if holds else '**fails**'])} |"


def list_table(name: str, metric: Metric, table: Sequence[SolverScore]) -> Iterator[str]:
    """Yield the section of a probe."""
    yield ""
    yield f"## {name}, {metric.name}"
    yield ""
    yield f"| {' | '.join(HEADS)} |"
    yield "|---|---|---|---|"
    for row in make_rows(table, metric.name):
        yield f"| {' | '.join(row)} |"
    for reason, solvers in list_inapplicable(table).items():
        yield ""
        yield f"Not applicable ({reason}): {', '.join(solvers)}."


def main() -> None:
    """Print the page."""
    torch.set_num_threads(1)
    scale, *names = sys.argv[1:] or ["quick"]
    names = names or [component.name for component in registry().components("probe")]
    print("\n".join(list_lines(names, scale)))


if __name__ == "__main__":
    main()
