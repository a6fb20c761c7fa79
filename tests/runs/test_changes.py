"""What is guarded: a stored run is served after a harmless change alone, and found again after any."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from changes.ask import Asker, asker
from changes.case import Case, change, lay_out, try_case
from changes.table import CASES, KNOWN_NEEDLESS, QUICK
from changes.tiny import ASKED

SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def one() -> Iterator[Asker]:
    """A process that asks in forks of itself."""
    with asker() as found:
        yield found


def marks(case: Case) -> list[pytest.MarkDecorator]:
    """Return the marks of a case: all but a few of each kind are slow."""
    found = [] if case.name in QUICK else [SLOW]
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


@pytest.mark.parametrize("of", [pytest.param(of, marks=SLOW) for of in POOLED])
def test_seeds_of_two_codes_never_share_a_row_of_a_card(of: str, one: Asker, tmp_path: Path) -> None:
    (case,) = (case for case in CASES if case.name == POOLED[of])
    words = {**ASKED, **case.asked}
    lay_out(case, tmp_path)
    one.ask(work=str(tmp_path), asked={**words, "seed": 0}, env={}, argv=[])
    for name, edit in case.edits.items():
        change(tmp_path / name, edit)
    for seed in (1, 2):
        one.ask(work=str(tmp_path), asked={**words, "seed": seed}, env={}, argv=[])
    card = one.ask(work=str(tmp_path), asked=words, env={}, argv=["card"])
    assert card["seeds"] == [1, 2]
    (line,) = card["left_out"]
    assert "-s0-" in line
    assert "it is of other code of the" in line
