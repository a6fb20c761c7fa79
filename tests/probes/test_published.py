"""What is guarded: the rows of the paper's tables are there, and its conclusions hold of its own scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from probekit.catalog.expression import resolve_expression
from probekit.catalog.registry import registry
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.plugin.interfaces import Claim, Published
from probekit_probes.grouping.probe import Grouping
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.translation.probe import Translation

PROBES: dict[str, Any] = {"nonlocality": Nonlocality, "translation": Translation, "grouping": Grouping}
ROWS = [(name, row) for name, probe in PROBES.items() for row in probe.published]
CLAIMS = [(name, claim) for name, probe in PROBES.items() for claim in probe.claims]


def as_published(probe: str) -> dict[str, Mapping[str, float]]:
    return {row.name: row.scores for row in PROBES[probe].published}


def test_the_22_rows_of_the_three_tables_are_there() -> None:
    assert [len(probe.published) for probe in PROBES.values()] == [8, 7, 7]
    assert len({(row.table, row.name) for _, row in ROWS}) == 22
    tables = {name: {row.table for row in probe.published} for name, probe in PROBES.items()}
    assert tables == {"nonlocality": {"table1"}, "translation": {"table2"}, "grouping": {"table3"}}


def test_scores_are_in_the_metrics_own_units() -> None:
    assert as_published("nonlocality")["Baseline"] == pytest.approx(
        {"loss": 0.0072, "gap": 0.0036, "ord": 0.0179, "delta": 0.0198, "rmse": 0.0195}
    )
    assert "gap" not in as_published("nonlocality")["Baseline*"]
    assert as_published("translation")["CoordConv"] == {"train/iou": 0.8071, "iou": 0.5616}
    assert as_published("grouping")["Transformer"] == {"accuracy": 0.9987}
    for name, probe in PROBES.items():
        known = {metric.name for metric in probe().metrics} | {metric.gap for metric in probe().metrics}
        for scores in as_published(name).values():
            assert {metric.removeprefix("train/") for metric in scores} <= known
            assert all(0 < score <= 1 for score in scores.values())


@pytest.mark.parametrize(("probe", "row"), ROWS, ids=[f"{p}-{r.name}" for p, r in ROWS])
def test_a_row_can_be_planned_at_the_paper_s_width_and_at_the_quick_scale(probe: str, row: Published) -> None:
    params = ",".join(f"{name}={str(value).lower()}" for name, value in row.probe.items())
    text = f"{probe}({params})" if params else probe
    known = registry()
    there = make_job(
        make_spec(probe=text, structure=row.structure, scale="paper", width=row.width), known
    ).plan
    assert abs(there.parameters / row.parameters - 1) < 0.035
    quick = row.fallback.get("quick", row.structure)
    assert make_job(make_spec(probe=text, structure=quick, scale="quick"), known).plan.parameters > 0
    for scale, instead in row.fallback.items():
        assert scale in PROBES[probe].scales
        one, other = (
            resolve_expression(text, PROBES[probe].structure, known) for text in (row.structure, instead)
        )
        assert [part.component.name for part in one.parts] == [part.component.name for part in other.parts]


@pytest.mark.parametrize(("probe", "row"), [pair for pair in ROWS if pair[0] != "nonlocality"])
def test_the_counts_of_tables_2_and_3_are_exact(probe: str, row: Published) -> None:
    spec = make_spec(probe=probe, structure=row.structure, scale="paper", width=row.width)
    plan = make_job(spec, registry()).plan
    assert plan.parameters == row.parameters


@pytest.mark.parametrize(("probe", "claim"), CLAIMS, ids=[f"{p}: {c.text}" for p, c in CLAIMS])
def test_every_conclusion_holds_of_the_published_scores(probe: str, claim: Claim) -> None:
    assert claim.margin(as_published(probe)) > 0
    assert {claim.table} == {row.table for row in PROBES[probe].published}
    assert claim.text.endswith(".")


@pytest.mark.parametrize(("probe", "claim"), CLAIMS, ids=[f"{p}: {c.text}" for p, c in CLAIMS])
def test_every_conclusion_can_fail_and_asks_for_the_rows_it_needs(probe: str, claim: Claim) -> None:
    """Where the rows change places, each conclusion fails in some order."""
    rows = as_published(probe)
    scores = [{"gap": 0.0, **row} for row in rows.values()]
    turned = [dict(zip(rows, scores[turn:] + scores[:turn], strict=True)) for turn in range(len(rows))]
    assert min(claim.margin(case) for case in turned) <= 0
    with pytest.raises(KeyError):
        claim.margin({})


def test_nobody_s_conclusions_are_told_twice() -> None:
    texts = [claim.text for _, claim in CLAIMS]
    assert len(texts) == len(set(texts)) >= 20
