"""What is guarded: committed tables say what the committed runs hold, and these make a card again."""

from __future__ import annotations

import re
import tarfile

import pytest
from conftest import ROOT

from probekit.cards.assemble import make_card
from probekit.catalog.registry import registry
from probekit.storage.folder import WEIGHTS
from probekit.storage.result import Result
from probekit.storage.store import Store

RESULTS = ROOT / "examples" / "results"
ARCHIVES = sorted((RESULTS / "runs").glob("*.tar.xz"))
ROW = re.compile(r"^\| ([\w-]+) \| ([\w+-]+) \| ([-\d., ]+) \| ([-\d., ]+) \| ([-\d., ]+) \|$", re.M)
"""Of sequences.md: probe, structure, and per cent of three scores, seed by seed."""


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("runs")
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    return Store(folder)


def runs(store: Store) -> dict[tuple[str, str], list[Result]]:
    """Return results by probe and structure, in the order of seeds."""
    found: dict[tuple[str, str], dict[int, Result]] = {}
    for _, result in store.results():
        assert isinstance(result, Result), result
        spec = result.plan.spec
        found.setdefault((spec.probe, spec.structure), {})[spec.seed] = result
    return {asked: [some[seed] for seed in sorted(some)] for asked, some in found.items()}


def test_committed_runs_are_as_they_were_stored_but_for_their_weights(store: Store) -> None:
    for folder, result in store.results():
        assert isinstance(result, Result), result
        assert result.status == "done"
        folder.check_files(result, but=WEIGHTS)


def test_rows_of_the_table_are_what_the_runs_scored(store: Store) -> None:
    page = (RESULTS / "sequences.md").read_text(encoding="utf-8")
    rows = {(probe, structure): cells for probe, structure, *cells in ROW.findall(page)}
    for asked, some in runs(store).items():
        headline = next(iter(some[0].metrics))
        scores = [[one.metrics[headline] for one in some], [one.metrics.get("exact") for one in some]]
        scores.append([one.harder.get(headline) for one in some])
        assert rows[asked] == [percents(column) for column in scores], asked


def test_committed_runs_make_a_card_of_three_seeds_each(store: Store) -> None:
    (column,) = make_card(store, registry()).columns
    assert {(cell.structure, len(cell.done)) for cell in column.cells} == {
        (structure, 3) for _, structure in runs(store)
    }


def percents(column: list[float | None]) -> str:
    """Return scores as the table has them."""
    return ", ".join(f"{100 * one:.1f}" for one in column if one is not None) or "-"


def test_there_are_committed_runs() -> None:
    assert ARCHIVES
    assert all(path.stat().st_size < 2_000_000 for path in ARCHIVES)
