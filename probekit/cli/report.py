"""Reports put scores between floor and perfect, and structures beside each other, in tables for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from probekit.cards.words import (
    aside,
    bar,
    between_seeds,
    bounds,
    exact,
    number,
    percent,
    put_back,
    spiked,
    unscored,
    width,
)
from probekit.catalog.grammar import write
from probekit.cli.messages import near, tell
from probekit.cli.table import print_table
from probekit.evidence.compare import standings
from probekit.evidence.floor import Floor, floor
from probekit.interfaces import Metric
from probekit.runs.engine import CASES
from probekit.runs.interval import kept
from probekit.runs.run import Outcome
from probekit.storage.result import Result, place


def print_outcome(outcome: Outcome) -> None:
    """Print one run: a row a metric, between floor and perfect, and where the evidence lies."""
    result = outcome.result
    plan, metrics = result.plan, outcome.job.probe.metrics
    rows = []
    for metric in metrics:
        rows.append(metric_row(result, metric))
        if metric.gap:
            rows.append([metric.gap, number(result.metrics.get(metric.gap)), "", "", "", "", ""])
    print_table(
        f"{plan.spec.structure} on {plan.spec.probe}, scale {plan.scale}, seed {plan.seed}",
        ["metric", "test", "95 % over items", "floor", "perfect", "place", ""],
        rows,
    )
    where = f"{result.environment.device}, {result.environment.threads} threads"
    spent = f"{result.seconds:.0f} s of training on {where}"
    flops = f"{result.flops / 1e6:,.0f} MFLOP" if result.flops is not None else "unknown FLOP"
    wide = width(plan.width, plan.width_wished)
    tell(f"{plan.parameters:,} parameters, width {wide}, {flops} an item, {spent}")
    recipe = ", ".join(f"{key} {write(value)}" for key, value in outcome.job.trainer.params.items())
    tell(f"recipe: {recipe}")
    headline = metrics[0].name
    if result.measured:
        said = ", ".join(f"{name} {number(value)}" for name, value in result.measured.items())
        tell(f"measured: {said}")
    floors = {name: own.get(headline) for name, own in result.controls.items()}
    for line in bounds(headline, floors, result.ceiling, metrics[0].perfect):
        tell(line)
    tell(between_seeds(headline, plan.noise.get(headline)))
    if outcome.stored:
        tell("Stored earlier; --force runs it anew.")
    cases = " and cases.png: look at the worst case" if CASES in result.files else ""
    tell(f"{near(outcome.folder.path)} holds the result, the weights, the log{cases}.")


def metric_row(result: Result, metric: Metric) -> list[str]:
    """Return the cells of one metric."""
    place = result.place(metric.name, metric.perfect)
    ends = result.intervals.get(metric.name)
    return [
        metric.name,
        number(result.metrics.get(metric.name)),
        " to ".join(map(number, kept(*ends, metric.bounds))) if ends else "",
        number(result.floors.get(metric.name)),
        exact(metric.perfect),
        "" if place is None else percent(place),
        "" if place is None else bar(place),
    ]


def print_comparison(outcomes: Sequence[Outcome]) -> None:
    """Print several runs of one probe and scale: a row a structure, then what the scale can tell apart."""
    metrics, results = outcomes[0].job.probe.metrics, [outcome.result for outcome in outcomes]
    headline = metrics[0]
    by_structure: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_structure[result.plan.spec.structure].append(result)
    floors = {metric.name: floor(results, metric.name) for metric in metrics}
    rows = [
        structure_row(name, found, headline, floors[headline.name]) for name, found in by_structure.items()
    ]
    plan = results[0].plan
    print_table(
        f"{plan.spec.probe}, scale {plan.scale}: {headline.name} ({headline.better} is better)",
        ["structure", "seeds", headline.name, "between seeds", "parameters", "seconds"],
        rows,
    )
    print_table(
        "mean over seeds, and its place between floor (0 %) and perfect (100 %)",
        ["metric", "floor", "perfect", *by_structure],
        [
            [
                metric.name,
                number(floors[metric.name].value),
                exact(metric.perfect),
                *(placed(found, metric, floors[metric.name]) for found in by_structure.values()),
            ]
            for metric in metrics
        ],
    )
    for text in floors[headline.name].cautions(f"floor of the {headline.name}"):
        tell(text)
    if len(by_structure) == 1:
        return
    found = standings(results, headline)
    if found is None:
        tell("The noise between seeds was not measured for this setting: no order is claimed.")
        return
    asked = list(by_structure)  # in the order typed: a list from best to worst would claim an order
    for standing in sorted(found, key=lambda standing: asked.index(standing.structure)):
        tell(standing.sentence())


def print_reservations(results: Sequence[Result]) -> None:
    """Say whose training lost its footing, and who has no score in what."""
    for result in results:
        who = result.plan.spec.structure, result.plan.seed
        if result.spike is not None:
            tell(spiked(*who, result.spike))
        for doing, what in result.put_back.items():
            tell(put_back(*who, doing, what))
        for name, why in {**result.unscored, **result.missing}.items():
            if "/" not in name:
                tell(unscored(*who, name, why))


def placed(results: Sequence[Result], metric: Metric, floor: Floor) -> str:
    """Return the cell of one structure and metric: its mean over seeds, and the place of that."""
    scores = [score for r in results if (score := r.metrics.get(metric.name)) is not None]
    middle = mean(scores) if scores else None
    at = place(middle, floor.value, metric.perfect)
    return number(middle) + ("" if at is None else f"  {at:z4.0%}")


def structure_row(name: str, results: Sequence[Result], metric: Metric, floor: Floor) -> list[str]:
    """Return the cells of one structure: mean and standard deviation over its seeds."""
    scores = [score for r in results if (score := r.metrics.get(metric.name)) is not None]
    return [
        name,
        str(len(scores)),
        placed(results, metric, floor),
        f"± {stdev(scores):.4f}" if len(scores) > 1 else "one seed",
        f"{results[0].plan.parameters:,}",
        f"{mean(r.seconds for r in results):.0f}",
    ]


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Print what became of each run."""
    print_table(
        "",
        ["probe", "structure", "scale", "seed", "status", "parameters", "width", "seconds", "folder"],
        [
            [
                row["probe"],
                row["structure"],
                row["scale"],
                str(row["seed"]),
                row["status"],
                f"{row['parameters']:,}" + aside(row["budget_gap"]),
                width(row["width"], row["width_wished"]),
                "-" if row["seconds"] is None else f"{row['seconds']:.0f}",
                row["folder"] or "-",
            ]
            for row in rows
        ],
    )
