"""What is guarded: each wrong metric, scale and control is caught by the right check, and right ones pass."""

from __future__ import annotations

from typing import Any

import pytest
from broken_parts import additions
from broken_parts.evaluate import evaluate_checks

from probekit.authors.check import Finding, checks
from probekit.plugin.components import Component, Kind
from probekit.plugin.errors import UsageError

DECLARES = "declares-a-metric"
WORSE = "wrong-answers-score-worse"
NETWORK = "scores-any-network"
TWICE = "scores-twice-the-same"
SIZES = "sets-parameters-of-the-probe"
ITEMS = "has-enough-items"
RUN = "a-run-at-it-is-made"
SHAPE = "answers-have-the-right-shape"
DRAWS = "draws-no-items-itself"
SCALES = "works-at-every-scale"
WRONG: tuple[tuple[Kind, Any, str, str], ...] = (
    ("metric", additions.make_upside, WORSE, "but lower is better"),
    ("metric", additions.make_sure, WORSE, "the targets of other items score 1"),
    ("metric", additions.make_mean, "scores-items-one-by-one", "depends on the other items"),
    ("metric", additions.make_imperfect, "targets-score-perfect", "but its `perfect` is 100"),
    ("metric", additions.make_twin, DECLARES, "the probe has a metric called exact"),
    ("metric", additions.make_gap, DECLARES, "its gap is called gap"),
    ("metric", additions.make_outside, DECLARES, "`perfect` is 2.0, and its bounds are"),
    ("metric", additions.make_nothing, DECLARES, "it built a NoneType"),
    ("metric", additions.make_infinite, NETWORK, "half is infinite for random outputs"),
    ("metric", additions.make_hiding, NETWORK, "half is NaN for other items with random outputs"),
    ("metric", additions.make_noisy, TWICE, "half of the same outputs differs"),
    ("metric", additions.make_changing, TWICE, "half changes its arguments in place"),
    ("metric", additions.make_small, SCALES, "The size of tensor a (32) must match"),
    ("scale", additions.make_both, "declares-a-scale", "both or neither of width and budget"),
    ("scale", additions.make_parameters, "declares-a-scale", "it built a dict"),
    ("scale", additions.make_typo, SIZES, "pears=3: it has no such parameter"),
    ("scale", additions.make_text, SIZES, "pairs should be a valid integer"),
    ("scale", additions.make_crowded, SIZES, "harder sequences have 32 keys"),
    ("scale", additions.make_huge, SIZES, "it takes at least 11.8 PB for data"),
    ("scale", additions.make_recipe, "sets-a-recipe-of-the-trainer", "has no parameter epoch"),
    ("scale", additions.make_one, ITEMS, "fewer than two items in test and harder"),
    ("scale", additions.make_deciding, ITEMS, "it has 64 test items"),
    ("scale", additions.make_few, "has-different-items", "train and validation share 6 inputs"),
    ("scale", additions.make_wide, "fits-this-machine", "has at most 4096"),
    ("scale", additions.make_diverging, RUN, "the loss is not finite at step 2"),
    ("control", additions.Peeking, DRAWS, "it draws items of test by itself"),
    ("control", additions.Early, DRAWS, "it draws items of test by itself"),
    ("control", additions.Guessing, "same-seed-gives-same-answers", "fitted again, it answers otherwise"),
    ("control", additions.Batchwise, "answers-items-one-by-one", "depends on the other inputs"),
    ("control", additions.Flat, SHAPE, "the answer to 8 inputs has shape (8,)"),
    ("control", additions.Undefined, SHAPE, "an answer is not finite"),
    ("control", additions.make_network, SHAPE, "it made a network"),
    ("control", additions.make_listed, SHAPE, "it returns a list"),
    ("control", additions.Knowing, "lacks-the-property", "it reaches 100% of the way"),
    ("control", additions.Eight, SCALES, "The size of tensor a (32) must match"),
)
NAMED: tuple[tuple[Kind, Any, str, str, str], ...] = (
    ("scale", additions.make_some, "smoke", "declares-a-scale", "the probe has a scale called smoke"),
    ("control", additions.make_local, "window", "has-a-name-of-its-own", "a control called window"),
)
RIGHT: tuple[tuple[Kind, Any], ...] = (
    ("metric", additions.make_half),
    ("metric", additions.make_error),
    ("scale", additions.make_some),
    ("control", additions.MeanTarget),
    ("control", additions.make_local),
)


def check_addition(kind: Kind, target: Any, chosen: str | None = None, name: str = "mine") -> list[Finding]:
    """Return what one check, or all but the one that trains, find of an addition to recall."""
    return evaluate_checks(Component(kind, name, target, "", probe="recall"), chosen, {RUN})


@pytest.mark.parametrize(
    ("kind", "target", "check", "said"),
    [
        pytest.param(*case, id=f"{case[1].__name__}-{case[2]}", marks=[pytest.mark.slow] * (case[2] == RUN))
        for case in WRONG
    ],
)
def test_a_wrong_addition_is_caught(kind: Kind, target: Any, check: str, said: str) -> None:
    (finding,) = check_addition(kind, target, check)
    assert finding.state == "fails"
    assert said in finding.reason
    assert finding.hint or check == SCALES


@pytest.mark.parametrize(("kind", "target"), RIGHT)
def test_a_right_addition_passes(kind: Kind, target: Any) -> None:
    assert [finding for finding in check_addition(kind, target) if finding.state == "fails"] == []


@pytest.mark.slow
def test_a_run_at_a_right_scale_is_made() -> None:
    assert check_addition("scale", additions.make_some, RUN)[0].state == "holds"


@pytest.mark.parametrize(("kind", "target", "name", "check", "said"), NAMED)
def test_a_name_of_the_probe_is_refused(kind: Kind, target: Any, name: str, check: str, said: str) -> None:
    (finding,) = check_addition(kind, target, check, name)
    assert said in finding.reason


@pytest.mark.parametrize("kind", ["metric", "scale", "control"])
def test_a_file_is_refused_in_a_sentence(kind: str) -> None:
    with pytest.raises(UsageError, match=f"which probe it extends.*probekit new {kind} NAME"):
        checks(kind, "./additions.py:make_half")
