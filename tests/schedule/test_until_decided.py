"""What is guarded: seeds are added until verdicts are decided, at recorded looks; the same call goes on."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from asking import Agree, knowing
from small import call
from stores import card_of, only, put

import probekit
from probekit.cards.assemble import make_card
from probekit.cards.cell import Cell
from probekit.cards.notes import column_notes
from probekit.evidence.deciding.looks import (
    FILE,
    LOOK_CONFIDENCE,
    LOOKS,
    find_next_look,
    make_looks,
    read_looks,
    record_look,
)
from probekit.plans.job import Job, make_job
from probekit.plans.spec import make_spec
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Scale
from probekit.schedule.event import Report
from probekit.schedule.schedule import Schedule
from probekit.storage.folder import RESULT, WEIGHTS
from probekit.storage.store import Store
from probekit.terminal.candidate import Candidate
from probekit.terminal.until_decided import choose_batch, follow_until_decided

AGREE = f"{Path(__file__).parents[1] / 'asking.py'}:Agree"


def plan_jobs(probe: type = Agree, seeds: int = 3, **changes: str) -> list[Job]:
    """Plan a tiny run with some seeds."""
    spec = make_spec(probe=probe.__name__.lower(), structure="plain(depth=1)", scale="smoke", **changes)
    job = make_job(spec, knowing(probe))
    return [job.with_seed(seed) for seed in range(seeds)]


def decide(store: Store, jobs: list[Job], minutes: float | None = None) -> Report:
    """Run jobs until decided, one by one."""
    return follow_until_decided(Schedule(store, device="cpu", jobs=1), jobs, knowing(Agree), minutes)


def read_cell(store: Store) -> Cell:
    """Return the only cell of the store's card."""
    (column,) = make_card(store, knowing(Agree)).columns
    return column.cells[0]


def test_looks_are_six_at_most() -> None:
    (job,) = plan_jobs(seeds=1)
    looks = make_looks(job.plan)
    assert [find_next_look(looks, seeds) for seeds in (0, 3, 6, 7, 10)] == [3, 4, 8, 8, None]
    assert find_next_look(looks.model_copy(update={"seeds": (1, *LOOKS[:-1])}), 8) is None


def test_seeds_are_added_until_decided(store: Store) -> None:
    report = decide(store, plan_jobs())
    cell, seeds = read_cell(store), len(report.events)
    assert {event.status for event in report.events} == {"done"}
    assert seeds in LOOKS
    assert cell.looks == LOOKS[: LOOKS.index(seeds) + 1]
    assert cell.headline.interval is not None
    assert cell.headline.interval.confidence == LOOK_CONFIDENCE
    assert cell.verdict.word.value != "undecided" or seeds == LOOKS[-1] or cell.next_step is not None


def test_the_same_call_runs_nothing_again(store: Store) -> None:
    first = decide(store, plan_jobs())
    second = decide(store, plan_jobs())
    assert {event.status for event in second.events} == {"stored"}
    assert [event.result and event.result.weights for event in first.events] == [
        event.result and event.result.weights for event in second.events
    ]


def test_a_stopped_decision_goes_on(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = decide(Store(tmp_path / "whole"), plan_jobs())
    import probekit.runs.engine as engine

    score, count = engine.execute_job, []

    def stop_second(*words: object, **options: object) -> object:
        count.append(1)
        if len(count) == 2:
            raise KeyboardInterrupt
        return score(*words, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(engine, "execute_job", stop_second)
        assert decide(store, plan_jobs()).interruption
    resumed = decide(store, plan_jobs())
    assert not resumed.interruption
    assert [event.result and event.result.weights for event in whole.events] == [
        event.result and event.result.weights for event in resumed.events
    ]
    assert read_cell(store).looks == read_cell(Store(tmp_path / "whole")).looks


def test_no_time_runs_nothing(store: Store) -> None:
    assert decide(store, plan_jobs(), minutes=0.0).events == []


def test_rows_without_weights_count(store: Store) -> None:
    decide(store, plan_jobs())
    for path in store.root.glob(f"*/{WEIGHTS}"):
        path.unlink()
    before = {path: path.stat().st_mtime_ns for path in store.root.glob(f"*/{RESULT}")}
    report = decide(store, plan_jobs())
    assert {event.status for event in report.events} == {"stored"}
    assert before == {path: path.stat().st_mtime_ns for path in store.root.glob(f"*/{RESULT}")}


def test_more_seeds_after_a_look_are_another_one(store: Store) -> None:
    (folder, *_) = put(store, "unet", {0: 0.05, 1: 0.06, 2: 0.055})
    plan = folder.read_result().plan
    assert only(card_of(store), "unet").headline.interval.confidence == 0.95  # type: ignore[union-attr]
    record_look(store, plan, 3)
    assert record_look(store, plan.model_copy(update={"seed": 2}), 3).seeds == (3,)
    put(store, "unet", {3: 0.05, 4: 0.06})
    card = card_of(store)
    cell = only(card, "unet")
    assert cell.headline.interval is not None
    assert cell.headline.interval.confidence == LOOK_CONFIDENCE
    assert any("look 1 (with 3 seeds), each time at 99.2 %" in line for line in column_notes(card.columns[0]))


def test_an_unreadable_look_still_counts(store: Store) -> None:
    (folder,) = put(store, "unet", {0: 0.05})
    plan = folder.read_result().plan
    record_look(store, plan, 3)
    (path,) = store.root.glob(f"looks-*/{FILE}")
    path.write_text("{}")
    looks = read_looks(store.root, plan)
    assert looks is not None
    assert looks.seeds == ()


def test_a_merge_brings_the_looks_along(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = put(store, "unet", {0: 0.05})
    plan, other = folder.read_result().plan, Store(tmp_path / "other")
    for seeds in (3, 4):
        record_look(store, plan, seeds)
    record_look(other, plan, 5)
    for _ in range(2):
        assert call(capsys, "store", "merge", str(store.root), "--store", str(other.root))[0] == 0
        looks = read_looks(other.root, plan)
        assert looks is not None
        assert (looks.seeds, looks.structure) == ((3, 4, 5), "unet")
    call(capsys, "store", "gc", "--yes", "--store", str(other.root))
    assert read_looks(other.root, plan) == looks


def test_seeds_go_where_they_decide_most(store: Store) -> None:
    put(store, "unet", {0: 0.094, 1: 0.091, 2: 0.098})
    put(store, "unet+average", {0: 0.10, 1: 0.13, 2: 0.07})
    card = card_of(store)
    (job,) = plan_jobs(seeds=1)
    candidates = [Candidate(job, 4, cell=only(card, name)) for name in ("unet+average", "unet")]
    assert [candidate.find_chance(4) for candidate in candidates] != [1.0, 1.0]
    assert choose_batch(candidates, 1)[0] is max(candidates, key=lambda candidate: candidate.find_chance(4))
    assert len(choose_batch(candidates, 5)) == 2


def test_a_scale_that_decides_nothing_is_refused(store: Store) -> None:
    class Idle(Agree):
        scales = {"smoke": Scale("", {"size": 8}, {"epochs": 1}, width=4, decides=False)}

    jobs = plan_jobs(Idle)
    with pytest.raises(UsageError, match="scale smoke decides nothing"):
        follow_until_decided(Schedule(store, device="cpu", jobs=1), jobs, knowing(Idle))
    with pytest.raises(UsageError, match="seeds from 0"):
        decide(store, plan_jobs()[1:])


@pytest.mark.slow
def test_python_and_the_command_line_decide(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (AGREE, "-s", "plain(depth=1)", "--scale", "smoke", "--until-decided", "--store", str(tmp_path))
    code, out, err = call(capsys, "run", *words, "--dry-run")
    assert code == 0, err
    assert "3 runs, 0 stored" in out
    assert "Until decided, at most: 10 runs" in out
    code, out, err = call(capsys, "run", *words, "--device", "cpu", "--json")
    assert code == 0, err
    rows = json.loads(out)
    assert len(rows) in LOOKS
    results = probekit.run(
        AGREE, "plain(depth=1)", scale="smoke", until="decided", device="cpu", store=tmp_path
    )
    assert [result.plan.seed for result in results] == [row["seed"] for row in rows]
    assert str(results[0].verdict).startswith(rows[0]["verdict"])
    shutil.rmtree(tmp_path)
    card = ("plain(depth=1)", "--probe", AGREE, "--scale", "smoke", "--store", str(tmp_path), "--json")
    code, out, err = call(
        capsys, "card", *card, "--run", "--no-recipes", "--until-decided", "--device", "cpu"
    )
    assert code == 0, err
    (column,) = json.loads(out)["columns"]
    assert len(column["cells"][0]["runs"]) == len(rows)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("run", "parity", "-s", "gru", "--until-decided", "--force"), "stored seeds count"),
        (("run", "parity", "-s", "gru", "--until-decided", "--detach"), "chooses what to run"),
        (("run", "parity", "-s", "gru", "--minutes", "3"), "there is no --until-decided"),
        (("run", "parity", "-s", "gru", "--until-decided", "--seed", "3"), "seeds from 0"),
        (("card", "gru", "--until-decided"), "nothing is run"),
    ],
)
def test_options_that_exclude_each_other(
    words: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = call(capsys, *words, "--store", str(tmp_path))
    assert code == 2
    assert reason in err


def test_a_schedule_says_how_many_run_at_once() -> None:
    assert replace(Schedule(Store("x")), jobs=3).count_slots() == 3
