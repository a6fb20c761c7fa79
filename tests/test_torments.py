"""What is guarded: nothing wrong is accepted and nothing lost; `python tests/torture.py` does more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from torments import crowd, kills, spoil, words
from torments.report import Trial, bad, judged, table

from probekit.errors import StoreError

TORMENTS = {"finished": spoil.of_finished, "unfinished": spoil.of_unfinished}


@pytest.mark.parametrize("torment", TORMENTS.values(), ids=TORMENTS.keys())
def test_no_spoilt_file_passes_for_what_it_was(
    torment: Callable[[Path, int, int], Iterator[Trial]], tmp_path: Path
) -> None:
    trials = list(torment(tmp_path, 1, 7))
    assert bad(trials) == []
    assert {trial.outcome for trial in trials} >= {"refused"}


def test_texts_are_read_as_themselves_or_refused_soon() -> None:
    assert bad(list(words.of_grammar(200, 7))) == []


@pytest.mark.slow
def test_several_processes_at_one_run_and_one_grid_train_each_once_and_end_well(tmp_path: Path) -> None:
    trials = list(crowd.of_crowds(tmp_path, 1, 7, sizes=(3,)))
    assert bad(trials) == []
    assert len(trials) == 2


@pytest.mark.slow
def test_killed_runs_end_as_if_they_had_not_been(tmp_path: Path) -> None:
    assert bad(list(kills.of_runs(tmp_path, 6, 7))) == []


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
