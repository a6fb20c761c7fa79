"""Assembly makes a card from a store: it sorts runs into columns, leaves out, counts seeds and compares."""

from __future__ import annotations

import importlib.metadata
import inspect
from collections import defaultdict
from collections.abc import Callable, Sequence

from probekit.cards.aggregate import StoredRun, make_cell
from probekit.cards.card import Card, Column
from probekit.cards.cell import Cell
from probekit.cards.certificates import (
    certificate_of,
    find_control_errors,
    list_controls,
    score_certified_controls,
    stored_certificates,
)
from probekit.cards.installed import gather_noises, observe_installed_probe
from probekit.cards.names import CONTROL_PREFIX, SURVEY_MARK, Names
from probekit.cards.notes import add_choice_remark, list_structure_cautions
from probekit.cards.select_runs import (
    EasyRuns,
    newest_per_seed,
    read_runs,
    select_one_code,
    select_one_probe,
)
from probekit.catalog.registry import Registry
from probekit.evidence.bounds import find_ceiling, find_controls, find_floor
from probekit.evidence.certify import Certificate
from probekit.evidence.compare import rank_structures
from probekit.evidence.deciding.fit_step import suggest_fit, suggest_longer
from probekit.evidence.words import Word
from probekit.plans.finite import finite_or_none
from probekit.plans.rerun_commands import list_rerun_commands
from probekit.plans.spec import EASY, format_expression, is_easy_probe
from probekit.plugin.errors import ProbekitError, StoreError, UsageError, describe_error
from probekit.plugin.interfaces import Probe
from probekit.schedule.choice import Choice, find_choice, read_choices
from probekit.storage.behaviour import Numbers
from probekit.storage.equivalence import matches_probe
from probekit.storage.store import Store

OTHER_SOURCE = (
    "All runs here used other code of the probe than is installed. "
    "The end of the card lists the commands that run them again."
)
SURVEYED = (
    f"The rows with “{SURVEY_MARK.strip()}” are of the survey that is shipped with probekit. They were not "
    "trained for this card, and have no pictures and no learning curves."
)
AddRuns = Callable[[Sequence[StoredRun], list[str]], list[StoredRun]]
UNKNOWN_CODE = "probekit 0.1 made these runs. It stored nothing to check their code against."


def make_card(
    store: Store,
    registry: Registry,
    structures: Sequence[str] = (),
    probes: Sequence[str] = (),
    scale: str | None = None,
    command: str = "probekit card",
    add_runs: AddRuns | None = None,
) -> Card:
    """Make the card of these structures and probes, or of all that the store holds.

    Args:
        store: The stored runs and certificates.
        registry: The installed components.
        structures: Structures as typed; empty for all.
        probes: Probes as typed; empty for all.
        scale: The name of a scale, None for all.
        command: The command that makes the card again.
        add_runs: Returns surveyed runs to count with those of a column; its second argument receives a line
            for each group of runs that it leaves out.

    Raises:
        UsageError: The store holds no such run.
        StoreError: All such runs are left out.
    """
    names = Names(registry, structures, probes)
    left_out: list[str] = []
    questions = read_runs(store, names, scale, left_out)
    certificates = list(stored_certificates(store, left_out))
    columns, easy = [], EasyRuns()
    for _, stored_runs in sorted(questions.items()):
        counted = stored_runs
        try:
            installed = observe_installed_probe(names, stored_runs[0].plan.column_key[0])
            counted = select_one_probe(stored_runs, installed, left_out)
            surveyed = add_runs(counted, left_out) if add_runs else []
            counted, stored_runs[:] = [*counted, *surveyed], [*stored_runs, *surveyed]
            probe = names.make_scored_probe(run.plan for run in counted)
            certificate = certificate_of(counted[0].result, certificates, names, left_out)
            columns.append(make_column(counted, probe, certificate, names, left_out, installed, easy))
        except Exception as error:  # a plugin's code may raise anything about what a store holds
            message = (
                f"{error.request}: {error.problem}"
                if isinstance(error, ProbekitError)
                else describe_error(error)
            )
            left_out += [f"{run.folder.path.name}: {message}" for run in counted]
    columns = [column for column in columns if column.cells]
    missing = tuple(names.check_typed([run.plan for runs in questions.values() for run in runs]))
    if not columns:
        request = f"a card from {store.root}"
        hint = "Type `probekit run PROBE -s STRUCTURE` first, or `probekit card ... --run`."
        if left_out:
            raise StoreError(request, f"it holds no such run ({len(left_out)} left out: {left_out[0]})", hint)
        raise UsageError(request, "it holds no such run", hint)
    ordered = names.order_structures(columns)
    index = {name: number for number, name in enumerate(ordered)}
    columns = [
        column.model_copy(
            update={"cells": tuple(sorted(column.cells, key=lambda cell: index[cell.structure]))}
        )
        for column in columns
    ]
    return Card(
        probekit=importlib.metadata.version("probekit-nn"),
        command=command,
        structures=ordered,
        columns=tuple(columns),
        missing=missing,
        left_out=tuple(sorted(left_out)),
    )


def judge_recipes(
    cell: Cell, runs: Sequence[StoredRun], choice: Choice | None, probe: Probe, names: Names, easy: EasyRuns
) -> Cell:
    """Return a cell with the word and the next step of a structure that did not fit.

    It lacks the property if its recipe is the best of three and if it solves the matched easy task.
    """
    done = [run for run in runs if run.result.status == "done"]
    if not done:
        return cell
    plan = done[0].plan
    if cell.verdict.word is Word.DID_NOT_FIT:
        easy_runs = easy.find(done[0]) if choice else []
        if easy_runs:
            easy_probe = names.probe(easy_runs[0].plan.probe)
            column = make_column(easy_runs, easy_probe, None, names, [], {}, easy)
            if any((other.headline.place or 0) >= column.thresholds[0] for other in column.cells):
                why = "the matched easy task is solved, by the best of three recipes"
                verdict = cell.verdict.model_copy(update={"word": Word.LACKS, "why": why})
                return cell.model_copy(update={"verdict": verdict})
        has_easy = EASY in inspect.signature(type(probe)).parameters and not is_easy_probe(plan.probe)
        step = suggest_fit(plan, cell.seconds, len(done), choice is not None, has_easy and not easy_runs)
        return cell.model_copy(update={"next_step": step})
    if cell.verdict.word in (Word.LEARNING, Word.CONSTANT):
        return cell.model_copy(update={"next_step": suggest_longer(plan, cell.seconds, len(done))})
    return cell


def mark_surveyed(cell: Cell) -> Cell:
    """Return a cell of the survey, which names no next step: its runs are not in the user's store."""
    return cell.model_copy(update={"surveyed": True, "next_step": None})


def make_column(
    runs: Sequence[StoredRun],
    probe: Probe,
    certificate: Certificate | None,
    names: Names,
    left_out: list[str],
    installed: Numbers,
    easy: EasyRuns,
) -> Column:
    """Return the column of runs that may be compared; installed: numbers of the installed probe."""
    plan = runs[0].plan
    headline = probe.metrics[0]
    rows: dict[str, list[StoredRun]] = defaultdict(list)
    for run, label in zip(runs, names.label_runs([run.plan for run in runs]), strict=True):
        rows[f"{label}{SURVEY_MARK}" if run.surveyed else label].append(run)
    by_seed = {}
    for label, row in rows.items():
        by_seed[label] = newest_per_seed(select_one_code(row, names, left_out), left_out)
    controls = {label: by_seed.pop(label) for label in rows if label.startswith(CONTROL_PREFIX)}
    counted = [run for seeds in by_seed.values() for run in seeds.values()]
    done = [run.result for run in counted if run.result.status == "done"]
    networks = score_certified_controls(controls, certificate, probe)
    errors = find_control_errors(controls, certificate, probe)
    floors = {metric.name: find_floor(done, metric, networks, errors) for metric in probe.metrics}
    ceiling = find_ceiling(done)
    first = runs[0].result
    noises = gather_noises(first, done, floors, probe, names)
    scale = probe.scales.get(plan.scale)
    decides = scale is None or scale.decides
    published = names.published_scores(plan, probe)
    cells = [
        make_cell(label, seeds, probe, floors, probe.thresholds, published, noises, decides)
        for label, seeds in by_seed.items()
    ]
    lowest = floors[headline.name].value
    choices = {root: list(read_choices(root, [])) for root in {run.folder.path.parent for run in runs}}
    for index, cell in enumerate(cells):
        seeds = list(by_seed[cell.structure].values())
        choice = find_choice(choices[seeds[0].folder.path.parent], seeds[0].plan) if cell.done else None
        cell = judge_recipes(cell, seeds, choice, probe, names, easy)
        cell = add_choice_remark(cell, choice, lowest, probe)
        cells[index] = mark_surveyed(cell) if seeds[0].surveyed else cell
    ranks = rank_structures(
        {cell.structure: cell.estimate for cell in cells if cell.headline.mean is not None}, headline, decides
    )
    for index, cell in enumerate(cells):
        standing, difference = ranks.get(cell.structure, ("", None))
        cells[index] = cell.model_copy(update={"standing": standing, "difference": difference})
    cautions = []
    if not first.behaviour.probe:
        cautions.append(UNKNOWN_CODE)
    elif installed and not matches_probe(first.behaviour.probe, installed):
        cautions.append(OTHER_SOURCE)
    cautions += floors[headline.name].list_cautions(f"floor of the {headline.name}")
    cautions += ceiling.list_cautions(f"ceiling of the {headline.name}")
    cautions += list_structure_cautions(cells, probe)
    cautions += [SURVEYED] if any(cell.surveyed for cell in cells) else []
    about, scale_about = names.describe_probe(plan, probe)
    typed = names.typed_probe(plan) or min((format_expression(run.plan.spec.probe) for run in runs), key=len)
    control_scores = find_controls(done, headline.name)
    return Column(
        title=f"{typed}, {plan.scale}",
        property=probe.property,
        about=about,
        probe=typed,
        resolved=plan.probe,
        version=plan.column_key[1],
        scale=plan.scale,
        scale_about=scale_about,
        decides=decides,
        metric=headline.name,
        metric_about=headline.about,
        better=headline.better,
        perfect=finite_or_none(headline.perfect),
        floor=lowest,
        ceiling=ceiling.value,
        cautions=tuple(cautions),
        noise=noises[headline.name].stated,
        noise_structures=len(noises[headline.name].spreads),
        harder=probe.harder,
        tags=names.probe_tags(plan),
        thresholds=probe.thresholds,
        controls=tuple(list_controls(control_scores, networks, headline, lowest)),
        certificate=certificate,
        cells=tuple(cells),
        rebuild=tuple(list_rerun_commands([run.plan for run in counted if not run.surveyed])),
    )
