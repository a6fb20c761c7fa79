"""What is guarded: committed tables and the committed card say what the committed runs hold."""

from __future__ import annotations

import re
import tarfile

import pytest
from conftest import ROOT

from probekit.cards.assemble import make_card
from probekit.cards.markdown import card_to_markdown
from probekit.catalog.registry import registry
from probekit.storage.folder import WEIGHTS
from probekit.storage.result import Result
from probekit.storage.store import Store

RESULTS = ROOT / "examples" / "results"
ARCHIVES = sorted((RESULTS / "runs").glob("*.tar.xz"))
LAYERS = ("transformer", "deltanet", "gru", "s4d", "average")
ROW = re.compile(r"^\| ([\w-]+) \| ([\w+-]+) \| ([-\d., ]+) \| ([-\d., ]+) \| ([-\d., ]+) \|$", re.M)
"""Of sequences.md: probe, structure, and three scores, seed by seed."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("runs")
    for path in ARCHIVES:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    return Store(folder)


def runs(store: Store) -> dict[tuple[str, str], list[Result]]:
    """Return results by probe and structure, in the order of seeds."""
    found: dict[tuple[str, str], dict[int, Result]] = {}
    for _, result in store.read_results():
        assert isinstance(result, Result), result
        spec = result.plan.spec
        found.setdefault((spec.probe, spec.structure), {})[spec.seed] = result
    return {asked: [some[seed] for seed in sorted(some)] for asked, some in found.items()}


def test_committed_runs_are_as_they_were_stored_but_for_their_weights(store: Store) -> None:
    for folder, result in store.read_results():
        assert isinstance(result, Result), result
        assert result.status == "done"
        folder.check_files(result, skip=WEIGHTS)


def test_rows_of_the_table_are_what_the_runs_scored(store: Store) -> None:
    page = (RESULTS / "sequences.md").read_text(encoding="utf-8")
    rows = {(probe, structure): cells for probe, structure, *cells in ROW.findall(page)}
    for asked, some in runs(store).items():
        metrics = some[0].metrics
        headline = "accuracy" if "accuracy" in metrics else next(iter(metrics))
        said = in_full if headline.startswith("loss") else percents
        scores = [said([one.metrics[headline] for one in some])]
        scores.append(percents([one.metrics.get("exact") for one in some]))
        scores.append(said([one.harder.get(headline) for one in some]))
        assert rows[asked] == scores, asked


def test_the_committed_card_is_of_three_seeds_of_five_layers_and_of_the_committed_runs(store: Store) -> None:
    held = runs(store)
    asked = [*LAYERS, *sorted({structure for _, structure in held} - set(LAYERS))]
    typed = f"probekit card {' '.join(asked)} --html five-layers.html --md five-layers.md"
    card = make_card(store, registry(), asked, command=typed)
    assert not card.left_out
    for column in card.columns:
        assert [cell.structure for cell in column.cells][: len(LAYERS)] == list(LAYERS)
        assert {len(cell.done) for cell in column.cells} == {3}
    assert card_to_markdown(card) == (RESULTS / "five-layers.md").read_text(encoding="utf-8")


def percents(column: list[float | None]) -> str:
    """Return scores as the table has accuracies."""
    return ", ".join(f"{100 * one:.1f}" for one in column if one is not None) or "-"


def in_full(column: list[float | None]) -> str:
    """Return scores as the table has errors."""
    return ", ".join(f"{one:.4f}" for one in column if one is not None) or "-"


def test_there_are_committed_runs_small_enough_for_a_repository() -> None:
    assert ARCHIVES
    assert all(path.stat().st_size < 3_000_000 for path in ARCHIVES)
