"""A card with the survey: structures of a store beside surveyed ones on the same data, without training."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from probekit.cards.aggregate import StoredRun
from probekit.cards.assemble import make_card
from probekit.cards.card import Card
from probekit.cards.names import is_control
from probekit.catalog.grammar import parse_term
from probekit.catalog.registry import Registry
from probekit.plans.plan import Plan, strip_hashes
from probekit.plans.spec import is_easy_probe, make_easy_probe
from probekit.plugin.errors import UsageError
from probekit.rows.cells import Row
from probekit.rows.layers import ROWS
from probekit.rows.rows_file import read_all_rows
from probekit.rows.transfer import write_scratch_run
from probekit.storage.equivalence import has_same_probe
from probekit.storage.store import Store

OLD_CODE = "of probekit 0.1, which stored nothing to check their data against"
OTHER_DATA = "on other data of the same version"


class SurveyedRuns:
    """The survey's runs, of which a card takes those that may be compared with a store's.

    Args:
        rows: The rows of the survey.
        store: A temporary store, to which the rows that are taken are written.
    """

    def __init__(self, rows: Sequence[Row], store: Store) -> None:
        self.rows, self.store, self.count = rows, store, 0

    def select(self, counted: Sequence[StoredRun], left_out: list[str]) -> list[StoredRun]:
        """Return the survey's runs on the data of a column, without structures that the store has, too.

        Args:
            counted: The runs of the column, all of one probe, version and scale.
            left_out: Receives a line for each group of the survey's runs that cannot be compared.
        """
        first = counted[0]
        alike, reasons = [], Counter[str]()
        for row in self.rows:
            if is_same_question(row.result.plan, first.plan):
                if reason := explain_difference(row, first):
                    reasons[reason] += 1
                elif row.result.plan.row_key in {run.plan.row_key for run in counted}:
                    reasons["of structures that you ran, too"] += 1
                else:
                    alike.append(row)
        title = f"the survey on {parse_term(first.plan.probe).name}, {first.plan.scale}"
        left_out += [f"{title}: {count} runs {reason}, are not counted" for reason, count in reasons.items()]
        if not alike and not reasons:
            left_out.append(f"{title}: it has no runs with these parameters at this scale")
        self.count += len(alike)
        runs = [StoredRun(row.result, write_scratch_run(self.store, row), surveyed=True) for row in alike]
        easy = strip_hashes(make_easy_probe(first.plan.probe))
        for row in self.rows if runs else ():
            if strip_hashes(row.result.plan.probe) == easy and row.result.plan.scale == first.plan.scale:
                write_scratch_run(self.store, row)
        return runs


def is_same_question(plan: Plan, reference: Plan) -> bool:
    """Tell whether a run of the survey asks what a column does: a probe at a scale, of any version."""
    if is_control(plan) or plan.scale != reference.scale:
        return False
    if plan.column_key[1] == reference.column_key[1]:
        return plan.column_key == reference.column_key
    probe, other = plan.probe_component, reference.probe_component
    is_easy = is_easy_probe(plan.probe) or is_easy_probe(reference.probe)
    return (probe.plugin, probe.name) == (other.plugin, other.name) and not is_easy


def explain_difference(row: Row, run: StoredRun) -> str:
    """Return why a row of the survey cannot be compared with a run, "" if it can."""
    version, counted = row.result.plan.column_key[1], run.plan.column_key[1]
    if version != counted:
        return f"on version {version} of the probe, while yours are on version {counted}"
    if has_same_probe(row.result, run.result):
        return ""
    return OTHER_DATA if row.result.behaviour.probe else OLD_CODE


def make_card_with_survey(
    store: Store,
    registry: Registry,
    structures: Sequence[str] = (),
    probes: Sequence[str] = (),
    scale: str | None = None,
    command: str = "probekit card --with-survey",
    path: Path = ROWS,
) -> Card:
    """Make the card of a store's runs, and add the survey's rows of the same data to each column.

    Args:
        store: The stored runs and certificates; nothing is written to it.
        registry: The installed components.
        structures: Structures of the store, as typed; empty for all.
        probes: Probes as typed; empty for all.
        scale: The name of a scale, None for all.
        command: The command that makes the card again.
        path: The survey's file of rows.

    Raises:
        UsageError: The store holds no such run, or the survey has none that can be compared.
        StoreError: All such runs are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        surveyed = SurveyedRuns(read_all_rows(path)[0], Store(folder))
        card = make_card(store, registry, structures, probes, scale, command, surveyed.select)
    if not surveyed.count:
        reasons = "; ".join(line for line in card.left_out if line.startswith("the survey on "))
        hint = f"It has {', '.join(list_questions(surveyed.rows))}. Leave out --with-survey to see your runs."
        raise UsageError("--with-survey", f"no row of the survey can be compared ({reasons})", hint)
    return card


def list_questions(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the probes, versions and scales of the survey, in words."""
    keys = {(row.result.plan.probe_component.name, *row.result.plan.column_key[1:]) for row in rows}
    for name, version, scale in sorted(keys):
        yield f"{name} (version {version}, {scale})"
