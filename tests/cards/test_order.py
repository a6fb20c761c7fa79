"""What is guarded: a mean has the interval its seeds allow, and no order is claimed that they don't carry."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import done
from stores import card_of, only, put

from probekit.cards.assemble import make_card
from probekit.cards.markdown import card_to_markdown
from probekit.catalog.registry import registry
from probekit.evidence.compare import BEHIND, BEST, INSEPARABLE, UNKNOWN
from probekit.storage.store import Store


def test_a_mean_has_a_small_sample_interval_over_seeds_and_a_place(store: Store) -> None:
    put(store, "unet", {0: 0.1, 1: 0.2, 2: 0.3})
    score = only(card_of(store), "unet").headline
    assert score.mean == pytest.approx(0.2)
    assert score.interval is not None
    assert (score.interval.over, score.interval.count) == ("seeds", 3)
    assert score.interval.high - 0.2 == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=0.05)
    assert score.place == pytest.approx(0.8)
    assert score.reach == pytest.approx((1 - score.interval.high, 1 - score.interval.low))


def test_one_seed_has_the_interval_over_test_items_that_its_run_stored(tmp_path: Path) -> None:
    outcome = done(tmp_path, structure="unet")
    card = make_card(Store(tmp_path), registry(), ("unet",))
    interval = card.columns[0].cells[0].headline.interval
    assert interval is not None
    assert (interval.over, interval.count) == ("items", 16)
    assert (interval.low, interval.high) == outcome.result.intervals["loss"]
    assert "Student's t over 16 test items; it does not include noise between seeds" in card_to_markdown(card)


def test_a_verdict_is_open_where_the_interval_reaches_over_a_threshold(store: Store) -> None:
    put(store, "unet", {0: 0.05, 1: 0.06, 2: 0.05})
    put(store, "unet+average", {0: 0.05, 1: 0.12, 2: 0.05})
    card = card_of(store)
    assert [str(c.verdict) for c in card.columns[0].cells] == [
        "has it",
        "undecided (the interval crosses 90%)",
    ]
    assert "undecided (the interval crosses 90%)" in card_to_markdown(card)


def test_the_best_is_marked_and_what_is_behind_has_an_interval_that_says_so(store: Store) -> None:
    put(store, "unet", {0: 0.70, 1: 0.71, 2: 0.70})
    put(store, "unet+average", {0: 0.50, 1: 0.51, 2: 0.50})
    card = card_of(store)
    assert only(card, "unet+average").standing == BEST
    behind = only(card, "unet")
    assert behind.standing == BEHIND
    assert behind.difference is not None
    assert behind.difference.mean == pytest.approx(0.2, abs=1e-3)
    assert behind.difference.interval is not None
    assert behind.difference.interval.low > 0


def test_seeds_of_two_structures_are_not_paired(store: Store) -> None:
    put(store, "unet", {0: 0.50, 1: 0.60, 2: 0.70}, scale="calm")
    put(store, "unet+average", {0: 0.40, 1: 0.51, 2: 0.60}, scale="calm")  # paired: 0.097 +- 0.014
    assert {cell.standing for cell in card_of(store).columns[0].cells} == {INSEPARABLE}


def test_structures_that_cannot_be_told_apart_are_not_ordered(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: 0.7, 2: 0.6}, scale="calm")
    put(store, "unet+average", {0: 0.6, 1: 0.5, 2: 0.5}, scale="calm")
    card = card_of(store)
    assert [cell.standing for cell in card.columns[0].cells] == [INSEPARABLE, INSEPARABLE]
    assert list(card.structures) == ["unet", "unet+average"]  # by name, not by mean
    assert "best" not in card_to_markdown(card).split("Scores are normalised")[0].replace("vs best", "")


def test_a_difference_within_the_noise_is_not_separable_whatever_the_seeds_say(store: Store) -> None:
    put(store, "unet", {0: 0.500, 1: 0.501, 2: 0.500})
    put(store, "unet+average", {0: 0.510, 1: 0.511, 2: 0.510})
    assert [cell.standing for cell in card_of(store).columns[0].cells] == [INSEPARABLE, INSEPARABLE]


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_seeds_an_order_takes_measured_noise(store: Store, seeds: int) -> None:
    for scale in ("calm", "smoke"):  # noise was measured at smoke alone
        put(store, "unet", {seed: 0.5 + seed / 1000 for seed in range(seeds)}, scale=scale)
        put(store, "unet+average", {seed: 0.9 + seed / 900 for seed in range(seeds)}, scale=scale)
    standings = {column.scale: [cell.standing for cell in column.cells] for column in card_of(store).columns}
    assert standings == {"calm": [UNKNOWN, UNKNOWN], "smoke": [BEST, BEHIND]}


def test_the_judged_interval_is_the_one_that_is_printed(store: Store) -> None:
    put(store, "unet", {0: 0.095})
    put(store, "unet+average", {0: 0.05, 1: 0.051})
    for cell in card_of(store).columns[0].cells:
        assert cell.estimate is not None
        assert cell.headline.interval is not None
        ends = cell.headline.interval.low, cell.headline.interval.high
        assert ends == pytest.approx(cell.estimate.interval((0.0, None)))
        assert cell.headline.reach == pytest.approx((1 - ends[1], 1 - ends[0]))
    unsure, sure = card_of(store).columns[0].cells
    assert (str(unsure.verdict), str(sure.verdict)) == ("undecided (the interval crosses 90%)", "has it")


def test_seeds_in_two_groups_are_told_as_a_share(store: Store) -> None:
    put(store, "unet", {0: 0.02, 1: 0.9, 2: 0.021, 3: 0.91, 4: 0.02})
    put(store, "unet+average", {0: 0.5, 1: 0.5, 2: 0.51})
    split, whole = card_of(store).columns[0].cells
    assert str(split.verdict) == "3 of 5 seeds learned it"
    assert split.standing == UNKNOWN  # a mean that no seed has is not ordered
    assert whole.verdict.word == "partly"
