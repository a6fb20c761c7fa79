"""What is guarded: what a card cannot count is a line that says why, and none of it is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from stores import card_of, only, put

from probekit.cards.assemble import make_card
from probekit.cards.markdown import card_to_markdown
from probekit.catalog.registry import registry
from probekit.storage.folder import RESULT
from probekit.storage.store import Store


def test_failed_seeds_are_counted_and_said(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: None, 2: None})
    put(store, "unet+average", {0: None})
    card = card_of(store)
    cell, none = only(card, "unet"), only(card, "unet+average")
    assert (len(cell.done), len(cell.failed), cell.headline.mean) == (1, 2, 0.5)
    assert (str(none.verdict), none.headline.mean) == ("not measured", None)
    assert "2 of 3 seeds failed" in card_to_markdown(card)


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
    assert said["elsewhere"] == "it contains another run's result"
    assert said[unfinished.path.name].startswith("it has not finished")
    assert said["foreign"] == "it was changed after it was stored"


def test_a_probe_that_is_not_installed_is_a_line(store: Store) -> None:
    put(store, "unet", {0: 0.5})
    put(store, "unet", {0: 0.5}, probe="nonlocality")

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
        store.new_run(forged).write_result(result.model_copy(update={"plan": forged}))
    card = card_of(store)
    assert card.structures["unet"] == "not installed here"
    assert any("probekit runs no file that only a store names" in line for line in card.left_out)
    assert not ran.exists()
