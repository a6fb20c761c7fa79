"""What is guarded: no interval that is shown leaves the bounds of its metric, over seeds or over items."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ASKED, Agree, knowing
from small import done, job

from probekit.cards.assemble import make_card
from probekit.cards.card import Card
from probekit.cards.contrast import contrast_structures
from probekit.cards.markdown import card_to_markdown
from probekit.cli.commands.run import print_report
from probekit.runs.run import Outcome
from probekit.storage.folder import Folder
from probekit.storage.result import Environment, Result
from probekit.storage.store import Store

KNOWN = knowing(Agree)
HERE = Environment(probekit="0", torch="2", python="3", device="cpu", threads=1)


def put(store: Store, structure: str, scores: dict[int, float], ends: tuple[float, float]) -> list[Outcome]:
    """Store results of given scores, with an interval over items as version 0.1.0 would have found it."""
    first = job(KNOWN, **{**ASKED, "probe": "agree", "structure": structure})
    outcomes = []
    for seed, score in scores.items():
        one = first.with_seed(seed)
        folder: Folder = store.new_run(one.plan)
        result = Result(
            plan=one.plan,
            status="done",
            metrics={"accuracy": score, "gap": score - 1},
            floors={"accuracy": 0.5},
            intervals={"accuracy": ends},
            counts={"accuracy": 16},
            environment=HERE,
        )
        folder.write_result(result)
        outcomes.append(Outcome(one, result, folder, stored=True))
    return outcomes


def card_of(store: Store) -> Card:
    return make_card(store, KNOWN)


def test_a_card_keeps_accuracies_and_their_places_within_bounds(tmp_path: Path) -> None:
    put(Store(tmp_path), "unet", {0: 1.0, 1: 0.9, 2: 0.3}, (0.5, 1.0))
    put(Store(tmp_path), "unet+average", {0: 0.0, 1: 1.0, 2: 0.8}, (0.5, 1.0))
    for cell in card_of(Store(tmp_path)).columns[0].cells:
        score, gap = cell.headline, cell.scores["gap"]
        assert score.interval is not None
        assert score.reach is not None
        assert gap.interval is not None
        assert (score.interval.low >= 0, score.interval.high) == (True, 1.0)
        assert (score.reach[0] >= -1, score.reach[1]) == (True, 1.0)
        assert gap.interval.low >= -1
        if cell.difference is not None:
            assert cell.difference.interval is not None
            assert cell.difference.interval.low >= -1
            assert cell.difference.interval.high <= 1


def test_an_interval_over_items_that_was_stored_beyond_its_bounds_is_shown_within(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes = put(Store(tmp_path), "unet", {0: 0.5}, (-0.2, 1.17))
    score = card_of(Store(tmp_path)).columns[0].cells[0].headline
    assert score.interval is not None
    assert (score.interval.low, score.interval.high) == (0.0, 1.0)
    assert "0.0000 to 1.0000, items" in card_to_markdown(card_of(Store(tmp_path)))
    print_report([], False, Store(tmp_path), outcomes, registry=KNOWN)
    printed = capsys.readouterr().out
    assert "0.0000 to 1.0000" in printed
    assert "1.17" not in printed


def test_a_run_of_few_items_and_its_comparison_stay_within_bounds(tmp_path: Path) -> None:
    for structure in ("unet", "unet+average"):
        asked = {**ASKED, "probe": "agree", "structure": structure}
        ends = done(tmp_path, KNOWN, **asked).result.intervals["accuracy"]
        assert 0 <= ends[0] <= ends[1] <= 1
    found = contrast_structures(
        Store(tmp_path), KNOWN, "unet", "unet+average", "agree", "smoke"
    ).items.interval
    assert found is not None
    assert -1 <= found.low <= found.high <= 1
