"""What is guarded: strips share one axis that reaches below zero, and show all that a verdict rests on."""

from __future__ import annotations

from pathlib import Path

from stores import card_of, put

from probekit.cards.card import ControlScore
from probekit.pages.strip import HIGH, LOW, make_strip, x_percent
from probekit.storage.store import Store


def test_the_axis_reaches_below_the_floor_and_what_lies_beyond_is_kept_at_its_end() -> None:
    assert LOW < 0
    assert HIGH > 1
    places = [float(x_percent(at).rstrip("%")) for at in (-9, LOW, 0, 0.5, 1, 9)]
    assert places == sorted(places)
    assert places[:2] == [0, 0]
    assert places[-1] == 100
    assert places[2] > 0


def test_a_dot_a_seed_and_a_mean_in_the_place_of_their_scores(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.5, 1: 0.3, 2: 0.4})
    (column,) = card_of(store).columns
    found = make_strip(column, column.cells[0])
    assert found is not None
    seeds = [mark.x for mark in found.marks if mark.kind == "seed"]
    assert seeds == [x_percent(at) for at in (0.5, 0.7, 0.6)]
    assert [mark.x for mark in found.marks if mark.kind == "mean"] == [x_percent(0.6)]
    assert found.span is not None
    assert "seeds 0 50%, 1 70%, 2 60%" in found.label


def test_every_control_has_a_tick_that_far_below_at_the_end(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.5})
    (column,) = card_of(store).columns
    lines = (
        ControlScore(name="constant", mean=1.0, place=0.0),
        ControlScore(name="window", mean=3.0, place=-2.0),
    )
    found = make_strip(column.model_copy(update={"controls": lines}), column.cells[0])
    assert found is not None
    assert [mark.x for mark in found.marks if mark.kind == "control"] == [x_percent(0), x_percent(LOW)]
    assert "baseline constant 0%, baseline window below the floor" in found.label


def test_a_score_far_below_the_floor_is_an_arrow_not_a_place(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 5.0})
    (column,) = card_of(store).columns
    found = make_strip(column, column.cells[0])
    assert found is not None
    assert [mark.beyond for mark in found.marks if mark.kind in ("seed", "mean")] == [True, True]
    assert "-400" not in found.label
    assert "below the floor" in found.label


def test_a_seed_that_failed_has_no_dot(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.5, 1: None})
    (column,) = card_of(store).columns
    found = make_strip(column, column.cells[0])
    assert found is not None
    assert sum(mark.kind == "seed" for mark in found.marks) == 1
