"""What is guarded: a result knows its folder and its verdict, in Python, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from small import call
from stores import KNOWN, card_of, put

import probekit
from probekit.api.results import attach_folders
from probekit.cards.aggregate import StoredRun
from probekit.cards.judge import Judgement, judge_runs
from probekit.storage.store import Store

ASKED = "grouping(test=32,train=64,validation=8,paired=false,colours=3,size=16)"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that is not the default one, with two seeds of a small run."""
    folder = tmp_path_factory.mktemp("elsewhere")
    probekit.run(ASKED, "average", scale="smoke", seeds=2, width=8, store=folder)
    return folder


def test_a_result_loads_from_the_store_it_was_run_in(elsewhere: Path) -> None:
    result = probekit.run(ASKED, "average", scale="smoke", width=8, store=elsewhere)
    assert result.folder.parent == elsewhere
    network = probekit.load(result)
    assert sum(parameter.numel() for parameter in network.parameters()) == result.plan.parameters
    assert probekit.load(probekit.results(store=elsewhere)[1]) is not None


def test_a_result_says_its_verdict(elsewhere: Path) -> None:
    result = probekit.run(ASKED, "average", scale="smoke", width=8, store=elsewhere)
    assert str(result.verdict).startswith("undecided (this scale proves nothing)")
    assert result.judgement is not None
    assert result.judgement.host == "plain(causal=false,conv=0,depth=3,norm=true)"
    assert result.judgement.recipe.startswith("supervised(")
    assert result.judgement.seeds == 1
    assert probekit.results(store=elsewhere)[0].judgement.seeds == 2  # type: ignore[union-attr]


def test_judgements_are_those_of_a_card(store: Store) -> None:
    put(store, "unet", {0: 0.095, 1: 0.05, 2: 0.05})
    put(store, "unet+average", {0: 0.5})
    put(store, "unet+lambda", {0: None})
    runs = [(folder, result) for folder, result in store.read_results() if not isinstance(result, Exception)]
    results = attach_folders(runs, store, KNOWN)
    cells = {cell.structure: cell for cell in card_of(store).columns[0].cells}
    for result in results:
        cell = cells[result.plan.spec.structure]
        if result.status == "failed":
            assert (result.judgement, result.verdict) == (None, None)
            continue
        assert result.verdict == cell.verdict
        assert result.judgement is not None
        assert result.judgement.normalised == cell.headline.place
        assert result.judgement.interval == cell.headline.reach
        assert result.judgement.seeds == len(cell.done)


def test_a_frame_and_a_sheet_have_the_judgement(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pandas")
    frame = probekit.results(store=elsewhere).frame()
    columns = ["verdict", "normalised", "normalised_low", "normalised_high", "seeds", "host", "recipe"]
    assert set(columns) <= set(frame.columns)
    _, text, _ = call(capsys, "runs", "--store", str(elsewhere), "--csv")
    _, printed, _ = call(capsys, "runs", "--store", str(elsewhere), "--json")
    words = ["run", ASKED, "-s", "average", "--scale", "smoke", "--width", "8", "--json"]
    _, rerun, _ = call(capsys, *words, "--store", str(elsewhere))
    for rows in (list(csv.DictReader(io.StringIO(text))), json.loads(printed), json.loads(rerun)):
        assert set(columns) <= set(rows[0])
        assert {row["verdict"] for row in rows} == {"undecided"}
        expected = probekit.results(store=elsewhere)[: len(rows)]
        assert [row["seed"] for row in rows] in ([0, 1], ["0", "1"], [0])
        assert isinstance(expected[0].judgement, Judgement)
        if len(rows) == 2:
            assert float(rows[0]["normalised"]) == pytest.approx(expected[0].judgement.normalised)


def test_runs_of_a_probe_that_is_not_installed_have_no_judgement(store: Store) -> None:
    folders = put(store, "unet", {0: 0.1})
    runs = [StoredRun(folder.read_result(), folder) for folder in folders]
    from probekit.catalog.registry import registry

    assert judge_runs(runs, store, registry()) == {}
    assert len(judge_runs(runs, store, KNOWN)) == 1
