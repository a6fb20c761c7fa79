"""Reports say first what came of runs, then show a few numbers, then where the rest lies."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from statistics import stdev
from typing import Any

from probekit.cards.assemble import column_of
from probekit.cards.card import Cell, Column
from probekit.cards.cells import Stored
from probekit.cards.tables import placed
from probekit.cards.words import (
    aside,
    bar,
    between_seeds,
    bounds,
    duration,
    exact,
    number,
    percent,
    put_back,
    solved,
    solving,
    spiked,
    unscored,
    width,
)
from probekit.catalog.grammar import write
from probekit.catalog.registry import Registry, registry
from probekit.cli.messages import near, tell
from probekit.cli.table import print_table
from probekit.evidence.compare import standings
from probekit.interfaces import Metric
from probekit.runs.run import Outcome
from probekit.storage.folder import CASES
from probekit.storage.result import Result
from probekit.storage.store import Store

COLUMNS, ROWS, SHORT = 80, 5, 12
"""Signs of a line, metrics that are shown unasked, and signs of a bar."""


def print_outcomes(
    outcomes: Sequence[Outcome], store: Store, everything: bool = False, known: Registry | None = None
) -> None:
    """Print runs of one probe and scale: a sentence a structure, a table, and where things lie.

    everything: all metrics, not the first few alone.
    """
    several = [Stored(outcome.result, outcome.folder) for outcome in outcomes]
    column = column_of(several, store, known or registry())
    for cell in column.cells:
        tell_wrapped(sentence(column, cell))
    tell()
    if len(column.cells) == 1:
        print_metrics(outcomes[0].job.probe.metrics, column, everything)
    else:
        print_structures(column)
        if everything:
            print_all(column)
        print_standings(outcomes)
    for text in column.cautions:
        tell_wrapped(text)
    print_reservations([outcome.result for outcome in outcomes])
    if everything:
        controls = {line.name: line.mean for line in column.controls}
        for text in bounds(column.metric, controls, column.ceiling, column.perfect):
            tell_wrapped(text)
        tell_wrapped(between_seeds(column.metric, column.noise))
    for outcome in outcomes if len(outcomes) == 1 else ():
        print_cost(outcome, everything)


def sentence(column: Column, cell: Cell) -> str:
    """Say what came of a structure: the verdict, the headline with its interval, and by what."""
    score, seeds = cell.headline, [run.seed for run in cell.done]
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    said = f"{cell.structure} on {column.probe}, scale {column.scale}, {which}: {cell.verdict}."
    if score.mean is None:
        return said
    said += f" {column.metric} {number(score.mean)}"
    if (within := score.interval) is not None:
        said += f" ({number(within.low)} to {number(within.high)}, 95% over {within.over})"
    if score.place is None:
        return f"{said}."
    where = percent(score.place)
    if score.place >= 0:
        where += " of the way from the best control to perfect"
    return f"{said}: {where}."


def print_metrics(metrics: Sequence[Metric], column: Column, everything: bool) -> None:
    """Print the metrics of one structure, a row each, the first few alone unless all were asked for."""
    (cell,) = column.cells
    names = [name for name in cell.scores if everything or name in {metric.name for metric in metrics}]
    shown = names if everything else names[:ROWS]
    beyond = any(score.harder is not None for score in cell.scores.values())
    rows = []
    for name in shown:
        score = cell.scores[name]
        at = score.place
        rows.append(
            [
                name, number(score.mean), number(score.train), *([number(score.harder)] if beyond else []),
                number(score.floor), exact(score.perfect), percent(at), "" if at is None else bar(at, SHORT),
            ]
        )  # fmt: skip
    heads = ["metric", "test", "training", *(["harder"] if beyond else []), "floor", "perfect", "place", ""]
    print_table("", heads, rows)
    if found := solved(cell.along):
        tell_wrapped(f"Solved: {found} ({solving([cell.along])}).")
    if len(shown) < len(names):
        tell(f"{len(names) - len(shown)} more metrics: --all.")


def print_structures(column: Column) -> None:
    """Print the headline, a row a structure."""
    rows = []
    for cell in column.cells:
        score = cell.headline
        scores = [run.score for run in cell.done if run.score is not None]
        rows.append(
            [
                cell.structure, str(len(cell.done)), number(score.mean),
                f"± {stdev(scores):.4f}" if len(scores) > 1 else "one seed",
                percent(score.place), f"{cell.parameters:,}", duration(cell.seconds),
            ]
        )  # fmt: skip
    better = f"{column.better} is better; floor {number(column.floor)}, perfect {exact(column.perfect)}"
    heads = ["structure", "seeds", column.metric, "between seeds", "place", "parameters", "training"]
    print_table(f"{column.metric}: {better}", heads, rows)


def print_all(column: Column) -> None:
    """Print all metrics, a column a structure."""
    first = column.cells[0]
    print_table(
        "mean over seeds, and place",
        ["metric", "floor", "perfect", *(cell.structure for cell in column.cells)],
        [
            [
                name,
                number(score.floor),
                exact(score.perfect),
                *(placed(c.scores.get(name)) for c in column.cells),
            ]
            for name, score in first.scores.items()
        ],
    )


def print_standings(outcomes: Sequence[Outcome]) -> None:
    """Say which structures differ, where that can be claimed, in the order in which they were asked for."""
    results = [outcome.result for outcome in outcomes]
    plan = results[0].plan
    scale = outcomes[0].job.probe.scales.get(plan.scale)
    if scale is not None and not scale.decides:
        tell_wrapped(f"Scale {plan.scale} proves nothing: no order is claimed.")
        return
    found = standings(results, outcomes[0].job.probe.metrics[0])
    if found is None:
        tell_wrapped("No order is claimed: that takes three seeds of each structure (--seeds 3).")
        return
    for standing in found:
        tell_wrapped(standing.sentence())


def print_cost(outcome: Outcome, everything: bool) -> None:
    """Print what a run cost, and where its evidence lies."""
    result, plan = outcome.result, outcome.result.plan
    flops = f"{result.flops / 1e6:,.0f} MFLOP" if result.flops is not None else "unknown FLOP"
    wide = width(plan.width, plan.width_wished)
    where = f"{result.environment.device}, {result.environment.threads} threads"
    spent = f"{duration(result.seconds)} of training on {where}"
    tell_wrapped(f"{plan.parameters:,} parameters, width {wide}, {flops} an item, {spent}.")
    if everything:
        recipe = ", ".join(f"{key} {write(value)}" for key, value in outcome.job.trainer.params.items())
        tell_wrapped(f"Recipe: {recipe}.")
        for name, value in result.measured.items():
            tell(f"Measured: {name} {number(value)}.")
    if outcome.stored:
        tell("Stored earlier; --force runs it anew.")
    cases = "; look at the worst case in cases.png" if CASES in result.files else ""
    tell_wrapped(f"{near(outcome.folder.path)} holds weights, log and scores{cases}.")


def tell_wrapped(text: str) -> None:
    """Print a sentence in lines of 80 signs; a longer word, as a path, stays whole."""
    tell(textwrap.fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False))


def print_reservations(results: Sequence[Result]) -> None:
    """Say whose training lost its footing, and who has no score in what."""
    for result in results:
        who = result.plan.spec.structure, result.plan.seed
        if result.spike is not None:
            tell_wrapped(spiked(*who, result.spike))
        if result.caution:
            tell_wrapped(f"{who[0]}, seed {who[1]}: {result.caution}.")
        for doing, what in result.put_back.items():
            tell_wrapped(put_back(*who, doing, what))
        for name, why in {**result.unscored, **result.missing}.items():
            if "/" not in name:
                tell_wrapped(unscored(*who, name, why))


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
