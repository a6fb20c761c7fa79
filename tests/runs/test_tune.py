"""What is guarded: every structure is tuned over the same rates, on validation, and told so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Run
from small import PROBE, call, job

from probekit.catalog.registry import registry
from probekit.plans.job import Job
from probekit.plugin.errors import RunError, UsageError
from probekit.schedule.tuning import choose_rate, make_candidates, read_rate
from probekit.storage.result import Environment, Result

HERE = Environment(probekit="1", torch="2", python="3.11", device="cpu", threads=1)


def scored(one: Job, loss: float | None) -> Result:
    """Return a result whose test loss would choose otherwise."""
    validation = {} if loss is None else {"loss": loss}
    return Result(
        plan=one.plan, status="done", metrics={"loss": -(loss or 0)}, validation=validation, environment=HERE
    )


def test_the_rates_are_the_same_for_every_structure_and_hold_the_scales_own() -> None:
    tried = [
        [read_rate(one) for one in make_candidates(job(structure=s), registry())]
        for s in ("unet", "unet+average")
    ]
    assert tried[0] == tried[1] == pytest.approx([0.00133, 0.004, 0.012])
    own = job()
    assert make_candidates(own, registry())[1].plan.identity == own.plan.identity


def test_the_choice_is_made_on_validation() -> None:
    jobs = make_candidates(job(), registry())
    losses = [0.3, 0.2, 0.1]
    choice = choose_rate(jobs, [scored(one, loss) for one, loss in zip(jobs, losses, strict=True)])
    assert choice.rate == read_rate(jobs[2])
    assert choice.tried == {read_rate(one): loss for one, loss in zip(jobs, losses, strict=True)}
    assert "lr=0.012" in choice.trainer
    assert "0.012: 0.1000" in choice.describe_choice()


def test_rates_that_failed_are_not_chosen_and_none_is_an_error() -> None:
    jobs = make_candidates(job(), registry())
    choice = choose_rate(jobs, [scored(jobs[0], 0.4)])
    assert choice.rate == read_rate(jobs[0])
    assert choice.tried[read_rate(jobs[1])] is None
    with pytest.raises(RunError, match="no rate"):
        choose_rate(jobs, [])


def test_a_trainer_without_a_rate_is_refused() -> None:
    made = job()
    bare = replace(made, trainer=replace(made.trainer, params={"epochs": 1}))
    with pytest.raises(UsageError, match="no lr to tune"):
        make_candidates(bare, registry())


@pytest.mark.slow
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
    choice = json.loads(kept.read_text())
    assert len(choice["tried"]) == 3
    assert len(choice["rejected"]) == 1 + (choice["trainer"] == "supervised")
    assert all(f", supervised(lr={rate})" in found.stderr for rate in (0.00133, 0.012))
    card = json.loads(probekit("card", "--store", str(tmp_path), "--json").stdout)
    assert sum(
        "--tune tried its learning rate and chose another" in line for line in card["left_out"]
    ) == len(choice["rejected"])
    assert all(len(cell["runs"]) <= 2 for cell in card["columns"][0]["cells"])


@pytest.mark.parametrize(
    ("option", "seeds", "said"),
    [
        ("--tune", "1", "Tuned, at most: 3 runs, 0 stored"),
        ("--tune", "3", "Tuned, at most: 5 runs, 0 stored"),
        ("--recipes", "2", "With three recipes, at most: 4 runs, 0 stored"),
    ],
)
def test_a_dry_run_counts_all_trials(
    option: str, seeds: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "parity", "-s", "gru", option, "--seeds", seeds, "--dry-run", "--store", str(tmp_path))
    code, out, _ = call(capsys, *words)
    assert (code, said in out) == (0, True)
    assert not list(tmp_path.iterdir())


def test_a_dry_reproduction_counts_its_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("reproduce", "table2", "--seeds", "2", "--dry-run", "--store", str(tmp_path))
    counts = []
    for options in ((), ("--tune",)):
        _, out, _ = call(capsys, *words, *options)
        (line,) = [line for line in out.splitlines() if line.startswith("Without --dry-run")]
        counts.append(int(line.partition(": ")[2].split()[0]))
    runs, trials = counts
    assert trials == 2 * runs
