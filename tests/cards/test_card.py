"""What is guarded: a card mixes nothing, and says the same as text, as JSON and in the terminal."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from small import planned
from stores import KNOWN, Noisy, card_of, only, put

from probekit.cards.card import Card
from probekit.cards.markdown import card_to_markdown
from probekit.cards.names import Names
from probekit.cards.tables import card_tables
from probekit.evidence.certify import Certificate
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Published
from probekit.storage.checksum import compute_checksum
from probekit.storage.folder import RESULT
from probekit.storage.store import Store


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
        store.new_run(result.plan).write_result(result)
    (column,) = card_of(store, "unet").columns
    assert [(line.name, line.mean, line.place) for line in column.controls] == [("window", 0.75, 0.0)]
    assert column.floor == 0.75  # the best of all controls, and not of the closed-form ones alone
    assert [cell.structure for cell in column.cells] == ["unet"]


def test_the_certificate_of_the_probe_its_version_and_scale_is_on_the_card(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    (folder,) = store.list_folders()
    question = folder.read_result().behaviour.probe
    for name, scale, version, items in (
        ("calm", "calm", 1, 6),
        ("smoke", "smoke", 1, 5),
        ("old", "smoke", 0, 9),
    ):
        of = {"probe": "noisy", "version": version, "question": question, "scale": scale}
        one = Certificate.model_validate({**of, "items": items, "checks": ()})
        store.aux_folder(f"certificate-noisy-{name}").write_json(
            "certificate.json", one.model_dump(mode="json")
        )
    store.aux_folder("certificate-x").write("certificate.json", b"{}")
    card = card_of(store)
    assert card.columns[0].certificate is not None
    assert (card.columns[0].certificate.scale, card.columns[0].certificate.items) == ("smoke", 5)
    assert "certificate-x: it carries no checksum; `probekit certify` makes a new one" in card.left_out


def test_published_scores_stand_at_the_papers_scale_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Published("table1", "Baseline", "unet", 871_729, {"loss": 0.0033})
    monkeypatch.setattr("stores.Noisy.published", (row,))
    plan = planned(KNOWN, probe="noisy", trainer="supervised", structure="unet")
    names = Names(KNOWN)
    assert names.published_scores(plan, names.probe(plan.probe)) == {}
    paper = {**dict(names.probe(plan.probe).scales), "paper": names.probe(plan.probe).scales["smoke"]}
    monkeypatch.setattr("stores.Noisy.scales", paper)
    put(store, "unet", {0: 0.1}, scale="paper")
    card = card_of(store)
    assert only(card, "unet").headline.published == 0.0033
    assert "0.0033" in card_to_markdown(card)


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
    said = "(width 8, closest to the scale's 4)"
    rows = {row[0]: " ".join(row) for table in [*card_tables(card)][2:3] for row in table.rows}
    assert [said in rows[name] for name in ("unet", "transformer")] == [False, True]
    assert card_to_markdown(card).count(said) == 1


def test_terminal_markdown_and_json_carry_the_same_numbers(store: Store) -> None:
    put(store, "unet", {0: 0.1234, 1: 0.2345, 2: 0.3456})
    card = card_of(store)
    text = card_to_markdown(card)
    cells = [cell for table in card_tables(card) for row in table.rows for cell in row]
    assert f"{only(card, 'unet').headline.mean:.4f}" == "0.2345"
    assert "0.2345" in cells
    assert "| 0.2345 |" in text


def test_markdown_makes_nothing_of_what_is_stored(store: Store) -> None:
    put(store, "unet", {0: 0.5, 1: None})
    text = card_to_markdown(card_of(store))
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
        (folder / RESULT).write_text(json.dumps({**fields, "digest": compute_checksum(fields)}))
    first.write_tensors("scores.safetensors", {"loss": torch.rand(1024)})
    card = card_of(store)
    text = card_to_markdown(card)
    assert sum(len(cell.runs) for cell in card.columns[0].cells) == 1000
    assert text.count("\n| unet(downs=") > 600


def test_structures_that_a_budget_leaves_few_channels_are_named_and_those_of_a_typed_width_are_not(
    store: Store,
) -> None:
    for name in ("unet", "unet+average", "unet+large-kernel", "unet+deformable"):
        put(store, name, {0: 0.9}, budget=20_000)
    put(store, "unet+lambda", {0: 0.5}, width=1)
    (caution,) = card_of(store).columns[0].cautions
    named = "unet+deformable (budget 20000) 1, unet+large-kernel (budget 20000) 3 (median 9)."
    assert caution.startswith(f"The parameter budget leaves few channels of width: {named} A low score")
    (alone,) = card_of(store, "unet+deformable").columns[0].cautions
    assert "width: unet+deformable (budget 20000) 1. A low" in alone
    assert card_of(store, "unet", "unet+average", "unet+lambda").columns[0].cautions == ()


def test_noise_of_another_probe_is_not_used(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, "unet", {0: 0.5})
    assert card_of(store).columns[0].noise == 0.01
    other = replace(Noisy.scales["smoke"], noise_column_key={"data of test": "f" * 16})
    monkeypatch.setattr(Noisy, "scales", {**Noisy.scales, "smoke": other})
    assert card_of(store).columns[0].noise is None
