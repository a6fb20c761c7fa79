"""Notes: what readers of a column need to know, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median_high

from probekit.cards.card import Column
from probekit.cards.cell import Cell, Score
from probekit.cards.formatting import (
    bound_notes,
    format_confidence,
    format_duration,
    format_exact,
    format_margin,
    format_score,
    missing_score_note,
    noise_note,
    solved_meaning,
    spike_caution,
)
from probekit.evidence.certify import Certificate
from probekit.evidence.deciding.next_step import NextStep
from probekit.evidence.deciding.other_recipes import describe_other_recipes
from probekit.evidence.verdict import FITS
from probekit.plans.rerun_commands import certify_command
from probekit.plans.spec import split_host
from probekit.plugin.interfaces import Probe
from probekit.schedule.choice import Choice
from probekit.storage.result import Result

MIN_WIDTH = 3
"""Channels below which a network can represent little."""
CHECK_WORDS = {True: "holds", False: "FAILS", None: "for information"}
"""How a check of a certificate ended, in words."""


def column_notes(column: Column) -> Iterator[str]:
    """Yield the notes of a column, then the certificate of its probe."""
    yield from reading_notes(column)
    if column.certificate is None:
        yield "No certificate is stored; `probekit certify` makes one."
        return
    yield certificate_note(column.certificate)
    for check in column.certificate.checks:
        yield f"{check.name} {CHECK_WORDS[check.holds]}: {check.evidence}."


def certificate_cautions(column: Column) -> Iterator[str]:
    """Yield a warning if no certificate supports the floor of a scale that decides."""
    if column.certificate is None and column.decides:
        command = certify_command(column.probe, column.scale)
        yield f"This probe has no certificate, so the floor is that of its own controls. Type {command}."


def reading_notes(column: Column) -> Iterator[str]:
    """Yield what readers of a column need to know."""
    yield (
        f"{column.metric}: {column.metric_about}; {column.better} is better; "
        f"floor {format_score(column.floor)}{name_floor(column)}, "
        f"perfect {format_exact(column.perfect)}; version {column.version} of the probe."
    )
    if column.tags:
        yield f"The probe needs: {', '.join(column.tags)}."
    has, partly = column.thresholds
    yield (
        f"Verdict by normalised score: has it from {has:.0%}, partly from {partly:.0%}. "
        f"Below that, did not fit if the training score is below {FITS:.0%}."
    )
    if column.harder:
        yield f"extrapolation: the same metric on {column.harder}. One or two seeds say little about it."
    if meaning := solved_meaning([cell.along for cell in column.cells]):
        yield f"solved: {meaning}."
    for cell in column.cells:
        if cell.verdict.why or cell.verdict.measured:
            yield f"{cell.structure}: {cell.verdict}."
    for cell in column.cells:
        if cell.next_step is not None:
            command = f": `{cell.next_step.command}`" if cell.next_step.command else ""
            yield f"{cell.structure}, next step: {describe_next_step(cell.next_step)}{command}."
    yield from look_notes(column.cells)
    yield from remark_notes(column.cells)
    yield from (describe_interval(cell.headline) for cell in distinct_intervals(column.cells))
    controls = {line.name: line.mean for line in column.controls}
    yield from bound_notes(column.metric, controls, column.ceiling, column.perfect)
    yield from column.cautions
    yield noise_note(column.metric, column.noise, column.noise_structures)
    for cell in column.cells:
        if (difference := cell.difference) is not None and difference.interval is not None:
            ends = format_margin(difference.interval.low, difference.interval.high)
            yield (
                f"{cell.structure} minus the best: {difference.mean:+.4f} ({ends}), an interval that allows "
                "for the number of structures."
            )
    for cell in column.cells:
        yield from (f"{cell.structure}, seed {run.seed}, failed: {run.error}" for run in cell.failed)
        yield from (f"{cell.structure}, seed {run.seed}: {run.caution}." for run in cell.done if run.caution)
        yield from (spike_caution(cell.structure, run.seed, run.spike) for run in cell.done if run.spike)
        yield from missing_score_notes(cell, [column.metric])


def name_floor(column: Column) -> str:
    """Return which control of a plugin gives the floor, in brackets; "" if the probe has a better one."""
    plugins = column.certificate.control_plugins if column.certificate else {}
    for control in column.controls:
        if control.name in plugins and control.mean == column.floor:
            return f" (control {control.name} of plugin {plugins[control.name]})"
    return ""


def look_notes(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield at which looks cells were judged to which seeds were added until their verdicts were decided."""
    for cell in cells:
        if cell.looks and (interval := cell.headline.interval) is not None:
            seeds = ", ".join(map(str, cell.looks))
            level = format_confidence(interval.confidence)
            yield f"{cell.structure}: look {len(cell.looks)} (with {seeds} seeds), each time at {level}."


def describe_next_step(step: NextStep) -> str:
    """Return what would decide a verdict, and how long that takes, without the command."""
    return step.reason + ("" if step.seconds is None else f", {format_duration(step.seconds)} of training")


def remark_notes(cells: Sequence[Cell]) -> Iterator[str]:
    """Yield each remark once, with the structures that it belongs to, unless it belongs to all."""
    for remark in dict.fromkeys(remark for cell in cells for remark in cell.remarks):
        names = [cell.structure for cell in cells if remark in cell.remarks]
        yield remark if len(names) == len(cells) > 1 else f"{', '.join(names)}: {remark}"


def list_structure_cautions(cells: Sequence[Cell], probe: Probe) -> Iterator[str]:
    """Yield cautions about the widths and hosts of these structures, and about what the probe tests."""
    budgeted = {cell.structure: cell.width for cell in cells if cell.width and cell.budget_gap is not None}
    yield from narrow_width_cautions(dict(sorted(budgeted.items())))
    terms = {cell.structure: split_host(cell.resolved) for cell in cells}
    hosts = {name: host for name, (host, hosted) in sorted(terms.items()) if hosted}
    yield from unlike_host_cautions(hosts)
    yield from networks_only_cautions(probe, list(hosts))


def narrow_width_cautions(widths: Mapping[str, int]) -> Iterator[str]:
    """Warn of widths that a parameter budget made very small: below half the median, or below MIN_WIDTH.

    A layer with many parameters per channel gets few channels, and its network can represent little.
    """
    median = median_high(widths.values()) if widths else 0
    narrow = [f"{name} {chosen}" for name, chosen in widths.items() if chosen < max(MIN_WIDTH, median / 2)]
    if narrow:
        usual = f" (median {median})" if median >= MIN_WIDTH else ""
        yield (
            f"The parameter budget leaves few channels of width: {', '.join(narrow)}{usual}. A low score may "
            "come from the budget rather than from the structure. Use `--width` to set one width for all."
        )


def unlike_host_cautions(hosts: Mapping[str, str]) -> Iterator[str]:
    """Say which networks host the layers of a column, by structure, if they are not the same for all."""
    if len(set(hosts.values())) > 1:
        groups = (
            f"{host} ({', '.join(name for name, other in hosts.items() if other == host)})"
            for host in dict.fromkeys(hosts.values())
        )
        yield f"The layers stand in unlike networks, which may explain a difference: {'; '.join(groups)}."


def networks_only_cautions(probe: Probe, layers: Sequence[str]) -> Iterator[str]:
    """Warn that rows of layers say nothing of the layers, if the probe says so."""
    if layers and probe.networks_only:
        yield f"These rows say nothing of the layers ({', '.join(layers)}): {probe.networks_only}."


def add_choice_remark(cell: Cell, choice: Choice | None, floor: float | None, probe: Probe) -> Cell:
    """Return a cell that says where another of the recipes that were tried would give another word."""
    if choice is None:
        return cell
    perfect = probe.metrics[0].perfect
    remark = describe_other_recipes(choice.tried, choice.rate, floor, perfect, probe.thresholds)
    return cell.model_copy(update={"remarks": (*cell.remarks, remark)}) if remark else cell


def list_remarks(results: Sequence[Result]) -> Iterator[str]:
    """Yield what readers should know of how results were measured, and of layers at their size."""
    names_by_items: dict[str, dict[str, None]] = {}
    for result in results:
        for name in result.measured:
            names_by_items.setdefault(result.describe_items(name), {})[name] = None
    if names_by_items:
        groups = (f"over {items}: {', '.join(names)}" for items, names in names_by_items.items())
        yield f"Measured {'; '.join(groups)}."
    if constant := sum(result.constant for result in results):
        yield (
            f"In {constant} of {len(results)} seeds, the network gives one answer to all inputs at all "
            "positions (constant). Its equivariance says nothing and is not counted."
        )
    yield from dict.fromkeys(sentence for result in results for sentence in result.degenerate)


def missing_score_notes(cell: Cell, metrics: Sequence[str]) -> Iterator[str]:
    """Yield why seeds of a cell have no score in these metrics."""
    for run in cell.done:
        for metric in metrics:
            if metric in run.unscored:
                yield missing_score_note(cell.structure, run.seed, metric, run.unscored[metric])


def distinct_intervals(cells: Sequence[Cell]) -> list[Cell]:
    """Return one cell for each kind and sample size of intervals."""
    kinds = {
        (i.over, i.count, i.confidence): cell for cell in cells if (i := cell.headline.interval) is not None
    }
    return list(kinds.values())


def describe_interval(score: Score) -> str:
    """Return how an interval was computed."""
    interval = score.interval
    if interval is None:
        return "no interval"
    if interval.over == "seeds":
        seeds = "1 seed" if interval.count == 1 else f"{interval.count} seeds"
        level = format_confidence(interval.confidence)
        return f"Intervals of {seeds} are at {level}, by Student's t, with the noise of seeds and test items."
    items = f"{interval.count:,} test items" if interval.count else "its test items"
    return f"95 % interval of one seed, by Student's t over {items}; it does not include noise between seeds."


def certificate_note(certificate: Certificate) -> str:
    """Return the outcome of a certificate."""
    outcome = "passed" if certificate.passed else "FAILED"
    return f"Certificate at {certificate.scale}, {certificate.items:,} items: {outcome}."
