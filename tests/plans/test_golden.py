"""What is guarded: a run holds its probe's data to their version, and fails saying what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from asking import ASKED, Agree, Changed, knowing
from small import done, job

from probekit.plans.golden import check_golden, golden_hash


class Unpinned(Agree):
    """One whose golden speaks of another version."""

    golden = {7: "0" * 16}


class Pinned(Agree):
    """One whose golden is right."""

    golden = {1: golden_hash(Agree(size=8))}


KNOWN = knowing(Agree, Changed, Unpinned, Pinned)


@pytest.mark.parametrize("probe", ["changed", "changed(train=9)"])
def test_a_run_whose_data_are_not_golden_fails_and_says_what_to_do(tmp_path: Path, probe: str) -> None:
    result = done(tmp_path, KNOWN, **{**ASKED, "probe": probe}).result
    right = golden_hash(Agree(size=8))
    assert (result.status, result.steps, result.metrics) == ("failed", 0, {})
    assert f"the data of version 1 hash to {right}, and golden says {'0' * 16}" in result.error
    assert f"Raise version to 2 and add 2: '{right}' to golden" in result.error


@pytest.mark.parametrize("probe", ["agree", "unpinned", "pinned"])
def test_data_that_golden_says_nothing_else_of_are_drawn(probe: str) -> None:
    assert check_golden(job(KNOWN, **{**ASKED, "probe": probe}).source) is None
