"""Reports of finished runs: first the verdicts, then the numbers, then where the files are."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from statistics import stdev

from probekit.cards.aggregate import StoredRun
from probekit.cards.card import Column
from probekit.cards.cell import Cell
from probekit.cards.formatting import (
    bound_notes,
    draw_bar,
    format_duration,
    format_exact,
    format_percent,
    format_score,
    format_width,
    missing_score_note,
    noise_note,
    restored_caution,
    solved_limit,
    solved_meaning,
    spike_caution,
)
from probekit.cards.judge import make_column_of_runs
from probekit.cards.notes import certificate_cautions, describe_next_step
from probekit.cards.tables import format_mean_and_normalized
from probekit.catalog.registry import Registry
from probekit.catalog.registry import registry as default_registry
from probekit.catalog.terms import format_value
from probekit.cli.table import print_table
from probekit.evidence.compare import compare_structures
from probekit.evidence.deciding.next_step import add_store
from probekit.plugin.interfaces import Metric
from probekit.runs.run import Outcome
from probekit.storage.folder import CASES
from probekit.storage.result import Result
from probekit.storage.store import Store
from probekit.terminal.messages import print_output, relative_path

LINE_WIDTH, MAX_METRICS, BAR_WIDTH = 80, 5, 12
"""Characters per line, metrics shown without --all, characters per bar."""


def print_outcomes(
    outcomes: Sequence[Outcome], store: Store, everything: bool = False, registry: Registry | None = None
) -> None:
    """Print runs of one probe and scale: verdicts, a table of scores, and where the files are.

    Args:
        outcomes: the runs.
        store: the store that holds them.
        everything: show all metrics, the recipe and the baselines.
        known: the installed components; None loads them.
    """
    stored_runs = [StoredRun(outcome.result, outcome.folder) for outcome in outcomes]
    column = make_column_of_runs(stored_runs, store, registry or default_registry())
    for cell in column.cells:
        print_wrapped(describe_cell(column, cell))
        print_next_step(cell, store)
    print_output()
    if len(column.cells) == 1:
        print_metrics(outcomes[0].job.scored_probe.metrics, column, everything)
    else:
        print_structures(column)
        if everything:
            print_all_metrics(column)
        print_ranking(column)
    for text in (*column.cautions, *certificate_cautions(column)):
        print_wrapped(text)
    print_warnings([outcome.result for outcome in outcomes])
    if everything:
        baselines = {line.name: line.mean for line in column.controls}
        for text in bound_notes(column.metric, baselines, column.ceiling, column.perfect):
            print_wrapped(text)
        print_wrapped(noise_note(column.metric, column.noise, column.noise_structures))
    for outcome in outcomes if len(outcomes) == 1 else ():
        print_cost(outcome, everything)


def describe_cell(column: Column, cell: Cell) -> str:
    """Return a sentence about one structure: its verdict, its main score and the interval of that score."""
    score, seeds = cell.headline, [run.seed for run in cell.done]
    seed_text = f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"
    text = f"{cell.structure} on {column.probe}, scale {column.scale}, {seed_text}: {cell.verdict}."
    if score.mean is None:
        return text
    text += f" {column.metric} {format_score(score.mean)}"
    if (interval := score.interval) is not None:
        ends = f"{format_score(interval.low)} to {format_score(interval.high)}"
        text += f" ({ends}, {100 * interval.confidence:.3g}% interval over {interval.over})"
    if score.place is None:
        return f"{text}."
    normalized = format_percent(score.place)
    if score.place >= 0:
        normalized += " of the way from the best baseline to perfect"
    return f"{text}: {normalized}."


def print_next_step(cell: Cell, store: Store) -> None:
    """Print what would decide a verdict; its command has a line to copy."""
    if (step := cell.next_step) is None:
        return
    folder = "" if store.root == Store().root else str(relative_path(store.root))
    print_wrapped(f"Next step: {describe_next_step(step)}{':' if step.command else '.'}")
    if step.command:
        print_output(f"  {add_store(step.command, folder)}")


def print_metrics(metrics: Sequence[Metric], column: Column, everything: bool) -> None:
    """Print the metrics of one structure, one row each; without `everything` only the first few."""
    (cell,) = column.cells
    names = [name for name in cell.scores if everything or name in {metric.name for metric in metrics}]
    shown = names if everything else names[:MAX_METRICS]
    extrapolates = any(score.harder is not None for score in cell.scores.values())
    rows = []
    for name in shown:
        score = cell.scores[name]
        normalized = score.place
        rows.append(
            [
                name,
                format_score(score.mean),
                format_score(score.train),
                *([format_score(score.harder)] if extrapolates else []),
                format_score(score.floor),
                format_exact(score.perfect),
                format_percent(normalized),
                "" if normalized is None else draw_bar(normalized, BAR_WIDTH),
            ]
        )
    extra_head = ["extrapolation"] if extrapolates else []
    heads = ["metric", "test", "training", *extra_head, "floor", "perfect", "normalised", ""]
    print_table("", heads, rows)
    if limit := solved_limit(cell.along):
        print_wrapped(f"Solved: {limit} ({solved_meaning([cell.along])}).")
    if len(shown) < len(names):
        print_output(f"{len(names) - len(shown)} more metrics; --all shows them.")


def print_structures(column: Column) -> None:
    """Print the main metric, one row per structure."""
    rows = []
    for cell in column.cells:
        score = cell.headline
        scores = [run.score for run in cell.done if run.score is not None]
        rows.append(
            [
                cell.structure,
                str(len(cell.done)),
                format_score(score.mean),
                f"± {stdev(scores):.4f}" if len(scores) > 1 else "one seed",
                format_percent(score.place),
                f"{cell.parameters:,}",
                format_duration(cell.seconds),
            ]
        )
    ends = f"floor {format_score(column.floor)}, perfect {format_exact(column.perfect)}"
    better = f"{column.better} is better; {ends}"
    heads = ["structure", "seeds", column.metric, "std over seeds", "normalised", "parameters", "training"]
    print_table(f"{column.metric}: {better}", heads, rows)


def print_all_metrics(column: Column) -> None:
    """Print all metrics, one column per structure."""
    first = column.cells[0]
    print_table(
        "mean over seeds, and normalised score",
        ["metric", "floor", "perfect", *(cell.structure for cell in column.cells)],
        [
            [
                name,
                format_score(score.floor),
                format_exact(score.perfect),
                *(format_mean_and_normalized(cell.scores.get(name)) for cell in column.cells),
            ]
            for name, score in first.scores.items()
        ],
    )


def print_ranking(column: Column) -> None:
    """Print which structures differ significantly, in the order in which they were requested."""
    if not column.decides:
        print_wrapped(f"Scale {column.scale} is too small to rank structures.")
        return
    scored = [cell for cell in column.cells if cell.headline.mean is not None]
    ranking = compare_structures({cell.structure: cell.estimate for cell in scored}, column.better)
    if ranking is None:
        print_wrapped("Structures are not ranked: that needs three seeds of each (--seeds 3).")
        return
    for standing in ranking:
        print_wrapped(standing.describe())


def print_cost(outcome: Outcome, everything: bool) -> None:
    """Print what a run cost, and where its files are."""
    result, plan = outcome.result, outcome.result.plan
    flops = f"{result.flops / 1e6:,.0f} MFLOP" if result.flops is not None else "unknown FLOP"
    width_text = format_width(plan.width, plan.width_wished)
    machine = f"{result.environment.device}, {result.environment.threads} threads"
    training = f"{format_duration(result.seconds)} of training on {machine}"
    print_wrapped(f"{plan.parameters:,} parameters, width {width_text}, {flops} per item, {training}.")
    if everything:
        recipe = ", ".join(
            f"{key} {format_value(value)}" for key, value in outcome.job.trainer.params.items()
        )
        print_wrapped(f"Recipe: {recipe}.")
        for name, value in result.measured.items():
            print_wrapped(f"Measured: {name} {format_score(value)}, over {result.describe_items(name)}.")
    if outcome.stored:
        print_output("This result was stored earlier; --force runs it again.")
    cases = "; cases.png shows its worst and best test items" if CASES in result.files else ""
    print_wrapped(f"{relative_path(outcome.folder.path)} contains weights, log and scores{cases}.")


def print_wrapped(text: str) -> None:
    """Print a sentence in lines of 80 characters; a longer word, such as a path, is not broken."""
    print_output(textwrap.fill(text, LINE_WIDTH, break_long_words=False, break_on_hyphens=False))


def print_warnings(results: Sequence[Result]) -> None:
    """Print which runs had unstable training, changed the process, or lack a score."""
    for result in results:
        structure, seed = result.plan.spec.structure, result.plan.seed
        if result.spike is not None:
            print_wrapped(spike_caution(structure, seed, result.spike))
        if result.caution:
            print_wrapped(f"{structure}, seed {seed}: {result.caution}.")
        for activity, changes in result.put_back.items():
            print_wrapped(restored_caution(structure, seed, activity, changes))
        for name, why in {**result.unscored, **result.missing}.items():
            if "/" not in name:
                print_wrapped(missing_score_note(structure, seed, name, why))
