"""What is guarded: a verdict says no more than scores let one say, and the five readings that were false."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from small import call
from stores import KNOWN, card_of, put

from probekit.cards.cell import Cell
from probekit.cards.markdown import card_to_markdown
from probekit.cards.notes import column_notes
from probekit.evidence.certify import Certificate
from probekit.evidence.verdict import (
    Evidence,
    add_measurement,
    format_normalized,
    judge_evidence,
)
from probekit.evidence.words import Word
from probekit.pages.page import SIGNS, render_page
from probekit.plugin.interfaces import Metric
from probekit.storage.store import Store

LOSS = Metric("loss", "lower", 0.0, lambda output, target, inputs: output, "")
FULL = Evidence(score=0.95, interval=(0.92, 0.97), training_score=0.99)


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        (FULL, "has it"),
        (replace(FULL, score=0.5, interval=(0.4, 0.6)), "partly"),
        (replace(FULL, score=0.1, interval=(0.05, 0.2)), "fits, does not generalise (training score 99%)"),
        (
            replace(FULL, score=0.1, interval=(0.05, 0.2), training_score=0.12),
            "did not fit (training score 12%)",
        ),
        (
            replace(FULL, score=-3.07, interval=(-4.0, -2.0), training_score=-2.0),
            "did not fit (training score below the floor)",
        ),
        (
            replace(FULL, score=0.1, interval=(0.05, 0.2), training_score=None),
            "did not fit (no training score)",
        ),
        (replace(FULL, interval=(0.85, 0.99)), "undecided (the interval crosses 90%)"),
        (replace(FULL, score=0.3, interval=(0.2, 0.4)), "undecided (the interval crosses 25%)"),
        (replace(FULL, score=0.5, interval=(0.1, 0.95)), "undecided (the interval crosses 25%)"),
        (replace(FULL, interval=None), "undecided (3 seeds are needed)"),
        (
            replace(FULL, interval=None, seeds=3),
            "undecided (all seeds agree, and no noise was measured)",
        ),
        (replace(FULL, decides=False), "undecided (this scale proves nothing)"),
        (replace(FULL, score=None), "not measured"),
        (
            replace(FULL, score=0.1, interval=(0.05, 0.2), training_score=0.12, blown_up=1, seeds=3),
            "did not fit (training score 12%, training blew up in 1 of 3 seeds)",
        ),
        (replace(FULL, blown_up=2, seeds=3), "has it (training blew up in 2 of 3 seeds)"),
        (replace(FULL, groups=((2, 0.1), (3, 0.99)), seeds=5), "3 of 5 seeds learned it"),
        (replace(FULL, groups=((2, 0.91), (3, 0.99)), seeds=5), "has it"),
    ],
)
def test_the_ladder(evidence: Evidence, word: str) -> None:
    assert str(judge_evidence(evidence)) == word


def test_decided_words_come_first() -> None:
    decided = [word.is_decided for word in Word]
    assert decided == sorted(decided, reverse=True)
    assert sum(decided) == 6
    assert list(SIGNS) == list(Word)


@pytest.mark.parametrize(
    ("word", "name", "value", "text", "contradicted"),
    [
        (
            replace(FULL, score=0.1, interval=(0.0, 0.2), training_score=0.1), "equivariance_error", 1e-7,
            "exactly covariant (error below 1e-6)", False,
        ),
        (
            replace(FULL, score=0.1, interval=(0.0, 0.2)), "equivariance_error", 1e-7,
            "exactly covariant (error below 1e-6)", True,
        ),
        (FULL, "equivariance_error", 0.4, "not covariant (error 0.4)", True),
        (FULL, "equivariance_error", 0.01, "nearly covariant (error 0.01)", False),
        (FULL, "receptive_radius", 2.0, "90 % of the influence within 2.0 positions", True),
        (FULL, "receptive_radius", 9.0, "90 % of the influence within 9.0 positions", False),
        (FULL, "", None, "", False),
    ],
)  # fmt: skip
def test_what_was_measured_stands_beside_and_a_contradiction_is_one(
    word: Evidence, name: str, value: float | None, text: str, contradicted: bool
) -> None:
    found = add_measurement(judge_evidence(word), name, value)
    assert (found.measured, found.contradicted) == (text, contradicted)
    assert ("BUT" in str(found)) == contradicted


def test_an_error_at_the_border_is_not_hidden() -> None:
    found = add_measurement(judge_evidence(FULL), "equivariance_error", 1e-7, border=0.58)
    assert found.measured == "exactly covariant (error below 1e-6, 0.58 at the border)"
    assert not found.contradicted


@pytest.mark.parametrize("evidence", [FULL, replace(FULL, score=0.1, interval=(0.0, 0.2))])
def test_a_constant_is_not_called_covariant(evidence: Evidence) -> None:
    for value in (None, 0.0, 0.5):
        verdict = add_measurement(judge_evidence(evidence), "equivariance_error", value, constant=True)
        assert verdict.measured == "constant (one answer to all inputs at all positions)"
        assert verdict.contradicted is (evidence is FULL)
    radius = add_measurement(judge_evidence(evidence), "receptive_radius", 9.0, constant=True)
    assert radius.measured == "90 % of the influence within 9.0 positions"


@pytest.mark.parametrize(
    ("training", "error", "constant", "word"),
    [
        (0.1, 1e-7, False, Word.COVARIANT),
        (0.1, 0.05, False, Word.COVARIANT),
        (0.1, 0.4, False, Word.DID_NOT_FIT),
        (0.1, None, True, Word.CONSTANT),
        (0.99, 0.4, False, Word.FITS),
        (0.99, 1e-7, False, Word.FITS),
    ],
)
def test_a_covariance_decides_where_nothing_was_fitted(
    training: float, error: float | None, constant: bool, word: Word
) -> None:
    evidence = replace(FULL, score=0.1, interval=(0.0, 0.2), training_score=training)
    judged = judge_evidence(evidence)
    assert add_measurement(judged, "equivariance_error", error, constant=constant, decides=True).word is word
    assert add_measurement(judged, "equivariance_error", error, constant=constant).word is judged.word
    proves_nothing = judge_evidence(replace(evidence, decides=False))
    assert add_measurement(proves_nothing, "equivariance_error", 0.0, decides=True).word is Word.UNDECIDED


def shown(store: Store) -> tuple[Cell, str]:
    """Return the one cell of a card, and the card's forms as one text without pictures."""
    card = card_of(store)
    text = re.sub(
        r"base64,[^\"]*|<style>.*?</style>|<script>.*?</script>",
        "",
        render_page(card, store, KNOWN),
        flags=re.S,
    )
    return card.columns[0].cells[0], card_to_markdown(card) + text


def edit(store: Store, folders: list[Any], **changes: Any) -> None:
    """Change fields of results."""
    for folder in folders:
        folder.write_result(folder.read_result().model_copy(update=changes))


def test_a_covariant_network_that_did_not_fit_is_said_to_have_not_fitted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.Noisy.related_measurement", "equivariance_error")
    folders = put(store, "unet", {0: 1.94, 1: 1.93, 2: 1.95})
    edit(store, folders, train={"loss": 1.9}, measured={"equivariance_error": 1e-7})
    cell, text = shown(store)
    assert cell.verdict.word == "did not fit"
    assert "exactly covariant (error below 1e-6)" in text
    assert "lacks it" not in text
    assert "-94" not in text
    assert "below the floor" in text


def test_a_card_says_over_what_it_was_measured(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stores.Noisy.related_measurement", "equivariance_error")
    folders = put(store, "unet", {0: 1.94, 1: 1.93, 2: 1.95})
    edit(store, folders, measured={"equivariance_error": 0.2, "receptive_radius": 3.0})
    _, text = shown(store)  # stored before items were drawn at random
    old = "unet: Measured over the first test items, at most 64: equivariance_error, receptive_radius."
    assert old in text
    edit(store, folders, measured_items={"equivariance_error": 363, "receptive_radius": 256})
    _, text = shown(store)
    new = "over 256 test items drawn at random: receptive_radius"
    assert f"Measured over 363 test items drawn at random: equivariance_error; {new}." in text
    edit(store, folders[:1], constant=True, measured={"receptive_radius": 3.0})
    cell, text = shown(store)
    assert cell.verdict.measured == "not covariant (error 0.2)"
    assert "In 1 of 3 seeds, the network gives one answer to all inputs at all positions (constant)" in text
    edit(store, folders, constant=True, measured={})
    cell, text = shown(store)
    assert cell.verdict.measured == "constant (one answer to all inputs at all positions)"
    assert "exactly covariant" not in text


def test_what_layers_amount_to_is_a_note(store: Store) -> None:
    sentence = f"reformer on 64 positions: <b>dense</b> {'&'} no hashing."
    edit(store, put(store, "unet", {0: 1.94}), degenerate=(sentence,))
    put(store, "unet+average", {0: 1.9})
    card = card_of(store)
    assert f"unet: {sentence}" in list(column_notes(card.columns[0]))
    page = render_page(card, store, KNOWN)
    assert "&lt;b&gt;dense&lt;/b&gt;" in page
    assert "<b>dense" not in page


def test_smoke_is_undecided_and_claims_no_order(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("run", "grouping", "--scale", "smoke", "--store", str(store.root))
    code, out, _ = call(capsys, *words, "-s", "lambda", "-s", "mixer", "--seeds", "3")
    assert code == 0
    assert out.count("undecided (this scale proves nothing)") >= 1
    assert " ".join(out.split()).count("undecided (this scale proves nothing)") == 2
    assert "better than" not in out
    assert "is too small to rank structures" in out
    assert not re.search(r"-\d+%", out)


def test_no_control_lies_above_0(store: Store) -> None:
    put(store, "unet", {0: 0.1, 1: 0.1, 2: 0.1})
    (folder,) = put(store, "unet+average", {0: 0.2})
    question = folder.read_result().behaviour.probe
    certificate = Certificate(
        probe="noisy", version=1, question=question, scale="smoke", items=1, checks=(),
        networks={"window": {"loss": 0.13}, "dense": {"loss": 3.0}},
    )  # fmt: skip
    store.aux_folder("certificate-noisy-smoke").write_json(
        "certificate.json", certificate.model_dump(mode="json")
    )
    (column,) = card_of(store).columns
    assert column.floor == 0.13
    assert {line.name: round(line.place, 2) for line in column.controls} == {"window": 0.0, "dense": -22.08}
    assert all(line.place <= 0 for line in column.controls)
    assert "window 0.1300" in card_to_markdown(card_of(store))


def test_a_training_that_blew_up_says_so_in_the_verdict(store: Store) -> None:
    folders = put(store, "unet", {0: 0.9, 1: 0.9, 2: 0.9})
    edit(store, folders[:1], spike=120.0)
    cell, text = shown(store)
    assert "training blew up in 1 of 3 seeds" in str(cell.verdict)
    assert "training blew up in 1 of 3 seeds" in text


def test_structures_within_the_noise_stand_in_the_order_of_their_names_in_one_colour(store: Store) -> None:
    put(store, "unet+lambda", {0: 0.500, 1: 0.501, 2: 0.500})
    put(store, "unet+average", {0: 0.505, 1: 0.506, 2: 0.505})
    card = card_of(store)
    assert [cell.structure for cell in card.columns[0].cells] == ["unet+average", "unet+lambda"]
    assert {cell.standing for cell in card.columns[0].cells} == {"not separable at this scale"}
    text = render_page(card, store, KNOWN)
    dots = re.findall(r'<circle class="seed" cx="[^"]*"([^>]*)>', text.partition('class="legend"')[0])
    assert len(dots) >= 6
    assert set(dots) == {' cy="12" r="3"/'}
    assert "<b>best</b>" not in text


def test_places_below_the_floor_have_no_shades() -> None:
    assert [format_normalized(place) for place in (-3.07, -0.004, 0.0, 0.456, None)] == [
        "below the floor", "0%", "0%", "46%", "no score",
    ]  # fmt: skip
