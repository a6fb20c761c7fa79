"""What is guarded: a stored run is served after a harmless change alone, and found again after any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from changes.ask import Asker, asker
from changes.case import Case, change, lay_out, try_case
from changes.table import CASES, KNOWN_NEEDLESS, QUICK
from changes.tiny import ASKED


@pytest.fixture(scope="module")
def one() -> Iterator[Asker]:
    """A process that asks in forks of itself."""
    with asker() as found:
        yield found


def marks(case: Case) -> list[pytest.MarkDecorator]:
    """Return the marks of a case: all but a few of each kind are slow."""
    found = [] if case.name in QUICK else [pytest.mark.slow]
    if case.name in KNOWN_NEEDLESS:
        found.append(pytest.mark.xfail(strict=True, reason=KNOWN_NEEDLESS[case.name]))
    return found


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case), marks=marks(case)) for case in CASES])
def test_a_change_is_seen_where_it_matters_and_nowhere_else(case: Case, one: Asker, tmp_path: Path) -> None:
    found = try_case(case, tmp_path, one)
    assert found.as_expected, f"{found.outcome}: {found.said}"


def test_the_table_is_large_and_each_case_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 120
    assert len({str(case) for case in CASES}) == len(CASES)
    assert set(QUICK) | set(KNOWN_NEEDLESS) <= {case.name for case in CASES}
    assert all(case.why for case in CASES if case.expect == "outside")


POOLED = {
    "structure": "a lambda within a table",
    "structure in eval mode": "what is done in eval mode alone",
    "structure in training": "the rate of dropout",
    "structure from JSON": "conf.json, from which a class takes its gain",
    "trainer": "a number in a schedule",
    "trainer from JSON": "the rate in a JSON file",
    "trainer's module": "a number of a helper module",
    "probe's data": "the training split",
    "probe's metric": "a metric by way of a shared module",
    "probe's control": "what a second control answers",
}


def ask_for_seeds(name: str, one: Asker, work: Path) -> tuple[list[list[int]], list[str]]:
    """Run seed 0 before a change and seeds 1 and 2 after it: a card's rows, and what it leaves out."""
    (case,) = (case for case in CASES if case.name == name)
    words = {**ASKED, **case.asked}
    lay_out(case, work)
    for seed in (0, 1, 2):
        if seed == 1:
            for file, edit in case.edits.items():
                change(work / file, edit)
        assert "stamp" in one.ask(work=str(work), asked={**words, "seed": seed}, env={}, argv=[])
    card = one.ask(work=str(work), asked=words, env={}, argv=["card"])
    return card["rows"], card["left_out"]


@pytest.mark.slow
@pytest.mark.parametrize("of", POOLED)
def test_seeds_of_two_codes_never_share_a_row_of_a_card(of: str, one: Asker, tmp_path: Path) -> None:
    rows, left_out = ask_for_seeds(POOLED[of], one, tmp_path)
    assert rows == [[1, 2]]
    (line,) = left_out
    assert "-s0-" in line
    assert "it used other code of the" in line


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a comment", "a comment in a trainer's file", "a comment in a probe"])
def test_seeds_share_a_row_after_a_harmless_change(name: str, one: Asker, tmp_path: Path) -> None:
    assert ask_for_seeds(name, one, tmp_path) == ([[0, 1, 2]], [])
