"""What is guarded: nothing wrong is accepted and nothing lost; `python tests/torture.py` does more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults import cards, crowd, disks, kills, merges, ranks, sizes, spoil, words
from faults.report import Trial, bad, judged, table

from probekit.plugin.errors import StoreError

FAULTS = {"finished": spoil.of_finished, "unfinished": spoil.of_unfinished, "cards": cards.of_spoilt}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_no_spoilt_file_passes_for_what_it_was(
    fault: Callable[[Path, int, int], Iterator[Trial]], tmp_path: Path
) -> None:
    trials = list(fault(tmp_path, 1, 7))
    assert bad(trials) == []
    assert {trial.outcome for trial in trials} >= {"refused"}


@pytest.mark.slow
def test_what_a_stranger_s_store_holds_takes_no_card_down_nor_much_time_or_memory(tmp_path: Path) -> None:
    trials = list(cards.of_hostile(tmp_path, 1, 7))
    assert bad(trials) == []
    assert len(trials) == len(cards.HOSTILE)


@pytest.mark.slow
def test_values_that_nobody_wrote_take_no_card_down(tmp_path: Path) -> None:
    assert bad(list(cards.of_mutants(tmp_path, 60, 7))) == []


@pytest.mark.slow
def test_a_full_disk_or_none_refuses_and_the_run_then_ends_as_it_would_have(tmp_path: Path) -> None:
    trials = list(disks.of_full(tmp_path, 2, 7))
    assert bad(trials) == []
    assert [trial.outcome for trial in trials[-3:]] == ["refused"] * 3


@pytest.mark.slow
def test_links_and_pipes_laid_in_a_run_write_over_nothing_and_wait_for_nothing(tmp_path: Path) -> None:
    assert bad(list(disks.of_links(tmp_path, 1, 7))) == []


@pytest.mark.slow
def test_numbers_of_any_size_are_planned_or_refused_soon(tmp_path: Path) -> None:
    assert bad(list(sizes.of_sizes(tmp_path, 2, 7))) == []


@pytest.mark.slow
def test_runs_that_are_asked_to_end_go_on_as_if_they_had_not_been(tmp_path: Path) -> None:
    assert bad(list(kills.of_signals(tmp_path, 3, 7))) == []


def test_texts_are_read_as_themselves_or_refused_soon() -> None:
    assert bad(list(words.of_grammar(200, 7))) == []


@pytest.mark.slow
def test_several_processes_at_one_run_and_one_grid_train_each_once_and_end_well(tmp_path: Path) -> None:
    trials = list(crowd.of_crowds(tmp_path, 1, 7, sizes=(3,)))
    assert bad(trials) == []
    assert len(trials) == 2


@pytest.mark.slow
def test_killed_runs_end_as_if_they_had_not_been(tmp_path: Path) -> None:
    assert bad(list(kills.of_runs(tmp_path / "runs", 6, 7))) == []
    assert bad(list(kills.of_grids(tmp_path / "grids", 4, 7))) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", [merges.of_merges, merges.of_collections, merges.of_removals])
def test_merges_and_removals_that_are_ended_cost_no_run(
    fault: Callable[[Path, int, int], Iterator[Trial]], tmp_path: Path
) -> None:
    assert bad(list(fault(tmp_path, 4, 7))) == []


@pytest.mark.slow
def test_a_run_whose_rank_is_killed_ends_by_itself_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    assert bad(list(ranks.of_ranks(tmp_path, 2, 7))) == []


def raises(error: Exception) -> bool:
    raise error


def test_the_judge_tells_what_came_of_a_trial() -> None:
    trials = [
        judged("p", "a", lambda: True),
        judged("p", "b", lambda: False),
        judged("p", "c", lambda: raises(StoreError("reading", "broken"))),
        judged("p", "d", lambda: raises(KeyError("x"))),
    ]
    assert [trial.outcome for trial in trials] == ["harmless", "accepted wrong", "refused", "lost"]
    assert bad(trials) == [trials[1], trials[3]]
    assert "| p | 4 | 1 | 1 | 1 | 1 |" in table(trials)
