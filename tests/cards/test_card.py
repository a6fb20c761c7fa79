"""What is guarded: a card counts each seed once, mixes nothing, claims no order it cannot, leaves out nothing
unsaid."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from small import done, planned
from stores import KNOWN, card_of, put

from probekit.cards.assemble import make_card
from probekit.cards.card import Card, Cell
from probekit.cards.markdown import markdown
from probekit.cards.names import Names
from probekit.cards.tables import tables
from probekit.catalog.registry import registry
from probekit.errors import UsageError
from probekit.evidence.certify import Certificate
from probekit.evidence.compare import BEHIND, BEST, INSEPARABLE, UNKNOWN, paired
from probekit.interfaces import Published
from probekit.storage.folder import RESULT
from probekit.storage.sealed import digest
from probekit.storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def only(card: Card, structure: str) -> Cell:
    (column,) = card.columns
    cell = column.cell(structure)
    assert cell is not None
    return cell


def test_a_mean_has_a_small_sample_interval_over_seeds_and_a_place(store: Store) -> None:
    put(store, "unet", {0: 0.1, 1: 0.2, 2: 0.3})
    score = only(card_of(store), "unet").headline
    assert score.mean == pytest.approx(0.2)
    assert score.interval is not None
    assert (score.interval.over, score.interval.count) == ("seeds", 3)
    assert score.interval.high - 0.2 == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)
    assert score.place == pytest.approx(0.8)
    assert score.reach == pytest.approx((1 - score.interval.high, 1 - score.interval.low))


def test_one_seed_has_the_interval_over_test_items_that_its_run_stored(tmp_path: Path) -> None:
    outcome = done(tmp_path, structure="unet")
    card = make_card(Store(tmp_path), registry(), ("unet",))
    interval = card.columns[0].cells[0].headline.interval
    assert interval is not None
    assert (interval.over, interval.count) == ("items", 16)
    assert (interval.low, interval.high) == outcome.result.intervals["loss"]
    assert "Student's t over 16 test items; it holds no noise between seeds" in markdown(card)


def test_a_verdict_is_open_where_the_interval_reaches_over_a_threshold(store: Store) -> None:
    put(store, "unet", {0: 0.05, 1: 0.06, 2: 0.05})
    put(store, "unet+average", {0: 0.05, 1: 0.12, 2: 0.05})
    card = card_of(store)
    assert [str(c.verdict) for c in card.columns[0].cells] == [
        "has it",
        "undecided (the interval reaches over 90%)",
    ]
    assert "undecided (the interval reaches over 90%)" in markdown(card)


def test_the_best_is_marked_and_what_is_behind_is_paired_over_seeds(store: Store) -> None:
    put(store, "unet", {0: 0.50, 1: 0.60, 2: 0.70})
    put(store, "unet+average", {0: 0.40, 1: 0.51, 2: 0.60})
    card = card_of(store)
    # the seeds vary by 0.1 and the intervals of the means overlap: paired, the difference is 0.097 +- 0.014
    assert only(card, "unet+average").standing == BEST
    behind = only(card, "unet")
    assert behind.standing == BEHIND
    assert behind.difference is not None
    assert behind.difference.mean == pytest.approx(0.0967, abs=1e-3)
    assert behind.difference.interval is not None
    assert behind.difference.interval.low > 0


def test_structures_that_cannot_be_told_apart_are_not_ordered(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: 0.7, 2: 0.6}, scale="calm")
    put(store, "unet+average", {0: 0.6, 1: 0.5, 2: 0.5}, scale="calm")
    card = card_of(store)
    assert [cell.standing for cell in card.columns[0].cells] == [INSEPARABLE, INSEPARABLE]
    assert list(card.structures) == ["unet", "unet+average"]  # by name, not by mean
    assert "best" not in markdown(card).split("Places lie")[0].replace("to the best", "")


def test_a_difference_within_the_noise_is_not_separable_whatever_the_seeds_say(store: Store) -> None:
    put(store, "unet", {0: 0.500, 1: 0.501, 2: 0.500})
    put(store, "unet+average", {0: 0.510, 1: 0.511, 2: 0.510})
    assert [cell.standing for cell in card_of(store).columns[0].cells] == [INSEPARABLE, INSEPARABLE]


@pytest.mark.parametrize("scale", ["calm", "smoke"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_than_three_seeds_no_order_is_claimed(store: Store, scale: str, seeds: int) -> None:
    put(store, "unet", {seed: 0.5 + seed / 1000 for seed in range(seeds)}, scale=scale)
    put(store, "unet+average", {seed: 0.9 + seed / 900 for seed in range(seeds)}, scale=scale)
    assert [cell.standing for cell in card_of(store).columns[0].cells] == [UNKNOWN, UNKNOWN]


def test_a_paired_test_has_the_effect_and_the_p_of_the_textbook() -> None:
    found = paired({0: 1.0, 1: 2.0, 2: 4.0, 9: 7.0}, {0: 0.0, 1: 0.5, 2: 1.0})
    assert found is not None
    assert (found.seeds, found.mean) == (3, pytest.approx(5.5 / 3))
    assert found.effect == pytest.approx(1.7614, abs=1e-3)
    assert found.p == pytest.approx(0.0926, abs=1e-3)
    assert paired({0: 1.0}, {1: 1.0}) is None


def test_failed_seeds_are_counted_and_said(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: None, 2: None})
    put(store, "unet+average", {0: None})
    card = card_of(store)
    cell, none = only(card, "unet"), only(card, "unet+average")
    assert (len(cell.done), len(cell.failed), cell.headline.mean) == (1, 2, 0.5)
    assert (str(none.verdict), none.headline.mean) == ("not measured", None)
    assert "2 of 3 seeds failed" in markdown(card)


def test_a_twin_made_by_force_is_no_second_seed_and_the_newest_counts(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: 0.5})
    put(store, "unet", {0: 0.7})
    cell = only(card_of(store), "unet")
    assert [(run.seed, run.score) for run in cell.runs] == [(0, 0.7), (1, 0.5)]
    assert cell.runs[0].folder.endswith("-2")


def test_a_truncated_twin_leaves_the_older_one_and_a_line(store: Store) -> None:
    put(store, "unet", {0: 0.5})
    (newest,) = put(store, "unet", {0: 0.7})
    (newest.path / RESULT).write_text("{")
    card = card_of(store)
    assert only(card, "unet").headline.mean == 0.5
    assert f"{newest.path.name}: it is not whole JSON (JSONDecodeError)" in card.left_out


def test_other_scales_parameters_and_versions_are_columns_of_their_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "unet", {0: 0.1})
    put(store, "unet", {0: 0.2}, scale="calm")
    put(store, "unet", {0: 0.3}, probe="noisy(test=7)")
    monkeypatch.setattr("stores.Noisy.version", 2)
    put(store, "unet", {0: 0.4})
    columns = card_of(store).columns
    found = sorted((c.probe, c.scale, c.version, c.cells[0].headline.mean) for c in columns)
    assert found == [
        ("noisy", "calm", "1", 0.2),
        ("noisy", "smoke", "1", 0.1),
        ("noisy", "smoke", "2", 0.4),
        ("noisy(test=7)", "smoke", "1", 0.3),
    ]
    assert {cell.standing for column in columns for cell in column.cells} == {""}


def test_another_trainer_or_width_is_a_row_of_its_own(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    put(store, "unet", {0: 0.2}, trainer="supervised(lr=0.1)")
    put(store, "unet", {0: 0.3}, width=8)
    assert list(card_of(store).structures) == ["unet", "unet (supervised(lr=0.1))", "unet (width 8)"]


def test_what_was_typed_chooses_and_names_the_rows(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    put(store, "unet+lambda", {0: 0.2})
    put(store, "unet+average", {0: 0.3})
    assert list(card_of(store, "lambda", "unet").structures) == ["lambda", "unet"]
    assert card_of(store, probes=["noisy(test=64)"]).columns[0].probe == "noisy(test=64)"
    with pytest.raises(UsageError, match="it holds no such run"):
        card_of(store, "unet+global-context")
    with pytest.raises(UsageError, match="it holds no such run"):
        card_of(store, scale="paper")


def test_controls_are_lines_and_never_rows(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    for folder in put(store, "unet+average", {0: 0.75}):
        plan = planned(KNOWN, probe="noisy", trainer="supervised", structure="unet+average")
        spec = plan.spec.model_copy(update={"structure": "control-window"})
        result = folder.read_result().model_copy(update={"plan": plan.model_copy(update={"spec": spec})})
        shutil.rmtree(folder.path)
        store.new(result.plan).write_result(result)
    (column,) = card_of(store, "unet").columns
    assert [(line.name, line.mean, line.place) for line in column.controls] == [("window", 0.75, 0.0)]
    assert column.floor == 0.75  # the best of all controls, and not of the closed-form ones alone
    assert [cell.structure for cell in column.cells] == ["unet"]


def test_the_certificate_of_the_probe_its_version_and_scale_is_on_the_card(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    source = planned(KNOWN, probe="noisy", trainer="supervised").asker.code
    for name, scale, version, items in (
        ("calm", "calm", 1, 6),
        ("smoke", "smoke", 1, 5),
        ("old", "smoke", 0, 9),
    ):
        one = Certificate(probe="noisy", version=version, source=source, scale=scale, items=items, checks=())
        store.loose(f"certificate-noisy-{name}").write_json("certificate.json", one.model_dump(mode="json"))
    store.loose("certificate-x").write("certificate.json", b"{}")
    card = card_of(store)
    assert card.columns[0].certificate is not None
    assert (card.columns[0].certificate.scale, card.columns[0].certificate.items) == ("smoke", 5)
    assert "certificate-x: it carries no digest; `probekit certify` makes it anew" in card.left_out


def test_published_scores_stand_at_the_papers_scale_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Published("table1", "Baseline", "unet", 871_729, {"loss": 0.0033})
    monkeypatch.setattr("stores.Noisy.published", (row,))
    plan = planned(KNOWN, probe="noisy", trainer="supervised", structure="unet")
    names = Names(KNOWN)
    assert names.published(plan, names.probe(plan.probe)) == {}
    paper = {**dict(names.probe(plan.probe).scales), "paper": names.probe(plan.probe).scales["smoke"]}
    monkeypatch.setattr("stores.Noisy.scales", paper)
    put(store, "unet", {0: 0.1}, scale="paper")
    card = card_of(store)
    assert only(card, "unet").headline.published == 0.0033
    assert "0.0033" in markdown(card)


def test_truncated_foreign_and_newer_results_are_each_a_line_and_the_rest_a_card(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: 0.6})
    truncated, edited, newer, moved, unfinished = put(store, "unet+average", dict.fromkeys(range(5), 0.4))
    (truncated.path / RESULT).write_bytes((truncated.path / RESULT).read_bytes()[:100])
    fields = json.loads((edited.path / RESULT).read_text())
    (edited.path / RESULT).write_text(json.dumps({**fields, "seconds": 9.0}))
    fields = json.loads((newer.path / RESULT).read_text())
    (newer.path / RESULT).write_text(json.dumps({**fields, "format": 99}))
    moved.path.rename(store.root / "elsewhere")
    (unfinished.path / RESULT).unlink()
    foreign = store.root / "foreign"
    foreign.mkdir()
    (foreign / RESULT).write_text('{"digest": "x", "format": 1, "model": [1, 2]}')
    (store.root / "notes").mkdir()
    card = card_of(store)
    assert [len(cell.done) for cell in card.columns[0].cells] == [2]
    said = dict(line.split(": ", 1) for line in card.left_out)
    assert len(said) == len(card.left_out) == 6
    assert said[truncated.path.name].startswith("it is not whole JSON")
    assert said[edited.path.name] == "it was changed after it was stored"
    assert said[newer.path.name].startswith("a newer probekit wrote it (format 99")
    assert said["elsewhere"] == "it holds another run's result"
    assert said[unfinished.path.name].startswith("it has not finished")
    assert said["foreign"] == "it was changed after it was stored"


def test_a_probe_that_is_not_installed_is_a_line(store: Store) -> None:
    put(store, "unet", {0: 0.5})
    put(store, "unet", {0: 0.5}, probe="nonlocality")
    from probekit.cards.assemble import make_card
    from probekit.catalog.registry import registry

    card = make_card(store, registry())
    assert [column.probe for column in card.columns] == ["nonlocality"]
    assert [line for line in card.left_out if "there is no such probe" in line]


def test_a_file_that_a_store_names_is_not_run(store: Store, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(ran)!r}, 'w')\nclass Net: pass\n")
    (folder,) = put(store, "unet", {0: 0.5})
    result = folder.read_result()
    shutil.rmtree(folder.path)
    for field in ("structure", "probe"):
        forged = result.plan.model_copy(update={field: f"{evil}:Net", "seed": len(field)})
        store.new(forged).write_result(result.model_copy(update={"plan": forged}))
    card = card_of(store)
    assert card.structures["unet"] == "not installed here"
    assert any("what a store names is not run unasked" in line for line in card.left_out)
    assert not ran.exists()


def test_json_holds_the_whole_card_and_reads_back(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: None})
    put(store, "unet+average", {0: 0.4, 1: 0.5})
    card = card_of(store)
    assert Card.model_validate_json(card.model_dump_json()) == card


def test_a_width_that_is_not_the_scales_is_said_wherever_the_row_is(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    put(store, "transformer", {0: 0.2})
    card = card_of(store)
    assert [only(card, name).width_wished for name in ("unet", "transformer")] == [None, 4]
    said = "(width 8, the nearest to the scale's 4)"
    rows = {row[0]: " ".join(row) for table in [*tables(card)][2:3] for row in table.rows}
    assert [said in rows[name] for name in ("unet", "transformer")] == [False, True]
    assert markdown(card).count(said) == 1


def test_terminal_markdown_and_json_carry_the_same_numbers(store: Store) -> None:
    put(store, "unet", {0: 0.1234, 1: 0.2345, 2: 0.3456})
    card = card_of(store)
    text = markdown(card)
    cells = [cell for table in tables(card) for row in table.rows for cell in row]
    assert f"{only(card, 'unet').headline.mean:.4f}" == "0.2345"
    assert "0.2345" in cells
    assert "| 0.2345 |" in text


def test_markdown_makes_nothing_of_what_is_stored(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: None})
    text = markdown(card_of(store))
    assert "<" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_the_commands_at_the_foot_run_what_was_counted(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: 0.5})
    put(store, "unet+average", {0: 0.5, 1: 0.5})
    put(store, "unet+lambda", {3: 0.5})
    assert card_of(store).columns[0].rebuild == (
        "probekit run noisy -s unet -s unet+average --scale smoke --seeds 2",
        "probekit run noisy -s unet+lambda --scale smoke --seed 3",
    )


def test_a_card_of_a_thousand_results_holds_them_all(store: Store) -> None:
    import torch

    (first,) = put(store, "unet", {0: 0.5})
    result = first.read_result()
    for number in range(1, 1000):
        seed, structure = number % 3, f"unet(downs={number // 3})"
        spec = result.plan.spec.model_copy(update={"seed": seed, "structure": structure})
        changes = {"seed": seed, "structure": structure, "spec": spec}
        plan = result.plan.model_copy(update=changes)
        folder = store.root / plan.folder
        folder.mkdir()
        fields = result.model_copy(
            update={"plan": plan, "metrics": {"loss": number / 1000, "rmse": 0.5}}
        ).model_dump(mode="json")
        (folder / RESULT).write_text(json.dumps({**fields, "digest": digest(fields)}))
    first.write_tensors("scores.safetensors", {"loss": torch.rand(1024)})
    card = card_of(store)
    text = markdown(card)
    assert sum(len(cell.runs) for cell in card.columns[0].cells) == 1000
    assert text.count("\n| unet(downs=") > 600
