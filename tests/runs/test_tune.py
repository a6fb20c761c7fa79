"""What is guarded: every structure is tuned over the same rates, on validation, and told so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Run
from small import PROBE, planned

from probekit.catalog.registry import registry
from probekit.errors import RunError, UsageError
from probekit.runs.tune import candidates, choose, rate
from probekit.storage.result import Environment, Result

HERE = Environment(probekit="1", torch="2", python="3.11", device="cpu", threads=1)


def scored(plan, loss: float | None) -> Result:  # type: ignore[no-untyped-def]
    """Return a result whose test loss would choose otherwise."""
    validation = {} if loss is None else {"loss": loss}
    return Result(
        plan=plan, status="done", metrics={"loss": -(loss or 0)}, validation=validation, environment=HERE
    )


def test_the_rates_are_the_same_for_every_structure_and_hold_the_scales_own() -> None:
    tried = [
        [rate(plan) for plan in candidates(planned(structure=s), registry())]
        for s in ("unet", "unet+average")
    ]
    assert tried[0] == tried[1] == pytest.approx([0.00133, 0.004, 0.012])
    own = planned()
    assert candidates(own, registry())[1].identity == own.identity


def test_the_choice_is_made_on_validation() -> None:
    plans = candidates(planned(), registry())
    losses = [0.3, 0.2, 0.1]
    choice = choose(plans, [scored(*pair) for pair in zip(plans, losses, strict=True)], registry())
    assert choice.rate == rate(plans[2])
    assert choice.tried == {rate(plan): loss for plan, loss in zip(plans, losses, strict=True)}
    assert "lr=0.012" in choice.trainer
    assert "0.012: 0.1000" in choice.sentence()


def test_rates_that_failed_are_not_chosen_and_none_is_an_error() -> None:
    plans = candidates(planned(), registry())
    choice = choose(plans, [scored(plans[0], 0.4)], registry())
    assert choice.rate == rate(plans[0])
    assert choice.tried[rate(plans[1])] is None
    with pytest.raises(RunError, match="no rate"):
        choose(plans, [], registry())


def test_a_trainer_without_a_rate_is_refused() -> None:
    known = registry()
    plan = planned(known)
    bare = plan.model_copy(update={"trainer": "supervised(epochs=1)"})
    with pytest.raises(UsageError, match="no lr to tune"):
        candidates(bare, known)


def test_a_tuned_run_says_what_was_tried_and_keeps_it(probekit: Run, tmp_path: Path) -> None:
    words = (
        "run",
        PROBE,
        "-s",
        "unet",
        "--scale",
        "smoke",
        "--tune",
        "--seeds",
        "2",
        "--store",
        str(tmp_path),
    )
    found = probekit(*words, "--json")
    assert found.returncode == 0, found.stderr
    rows = json.loads(found.stdout)
    assert [row["seed"] for row in rows] == [0, 1]
    assert [row["status"] for row in rows] == ["stored", "done"]
    assert "chosen on validation loss" in found.stderr
    (kept,) = tmp_path.glob("tune-*/choice.json")
    assert len(json.loads(kept.read_text())["tried"]) == 3
