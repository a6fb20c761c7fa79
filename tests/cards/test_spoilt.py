"""What is guarded: no text or number of a stored run takes down a card, a list or a check of the rest."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from small import PROBE, call, done
from spoilt import (
    HOSTILE,
    KEY,
    Place,
    fill,
    found_at,
    numbers,
    one_of_each,
    replaced,
    store_spoiled,
    text_fields,
    unsealed,
    write_sealed,
)

from probekit.cards.assemble import make_card
from probekit.cards.markdown import card_to_markdown
from probekit.cards.tables import card_tables
from probekit.catalog.registry import registry
from probekit.cli.table import print_tables
from probekit.evidence.certify import CERTIFICATE, Certificate, certify_probe
from probekit.pages.page import render_page
from probekit.plans.finite import replace_nonfinite, to_json
from probekit.schedule.choice import CHOICE, Choice
from probekit.storage.folder import RESULT, Folder
from probekit.storage.result import Result
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]
NUMBERS = {
    "an integer of 400 digits": 10**400, "a negative one": -(10**400), "a great number": 1e308,
    "a small one": 1e-308, "below zero": -1, "zero": 0, "of 64 bits": 2**63, "infinite": float("inf"),
}  # fmt: skip
COMPARE = ("compare", "unet", "unet+average", "--probe", PROBE, "--scale", "smoke")
MOVING = ("\x1b", "\x07", "\x9b", "\0", "\u202e", "\u200f", "\ud800")
"""Signs that no page, list or table may hold."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of two runs, a certificate and a choice."""
    folder = tmp_path_factory.mktemp("kept") / "store"
    for structure in ("unet", "unet+average"):
        assert done(folder, structure=structure, trainer="supervised").result.status == "done"
    certify_probe(PROBE, "smoke", registry(), Store(folder), items=8, focus=False)
    choice = Choice(
        probe=PROBE, structure="unet", metric="loss", tried={0.1: 0.5}, rate=0.1, trainer="supervised",
        rejected=("0" * 64,),
    )  # fmt: skip
    Store(folder).aux_folder("tune-unet").write_json(CHOICE, choice.model_dump(mode="json"))
    return folder


def second(store: Path) -> Path:
    """Return the run of a store that is spoiled."""
    return next(path for path in store.iterdir() if "average" in path.name)


@pytest.fixture(scope="module")
def whole(kept: Path) -> dict[str, Any]:
    """Return the result that is spoiled, with a text in each container."""
    return fill(unsealed(second(kept) / RESULT))


def look(store: Path, capsys: Capture, drawn: bool = False) -> None:
    """Look at a store: each form is made, shows the whole run, and holds nothing unescaped.

    drawn: in every form, a page among them, which takes a second.
    """
    root = Store(store)
    card = make_card(root, registry())
    runs = [run.folder for column in card.columns for cell in column.cells for run in cell.runs]
    assert [name for name in runs if "unet-smoke" in name], card.left_out
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        print_tables(card_tables(card))
    pages = [
        card_to_markdown(card),
        card._repr_html_(),
        *([render_page(card, root, registry())] if drawn else []),
    ]
    forms = [printed.getvalue(), repr(card), to_json(replace_nonfinite(card.model_dump(mode="json"))), *pages]
    more = (("runs",), ("runs", "--csv"), ("status",), COMPARE) if drawn else ()
    for words in (("store", "verify"), ("runs", "--json"), *more):
        code, out, err = call(capsys, *words, "--store", str(store))
        assert code in ((0,) if words[0] in ("runs", "status") else (0, 1, 2)), err
        assert "Traceback" not in out + err
        assert "for the traceback" not in out + err, (words, err)
        forms.append(out + err)
        if "--json" in words:
            assert "unet" in [row["structure"] for row in json.loads(out)]
    for form in forms:
        form.encode()
        assert not [sign for sign in MOVING if sign in form]
    assert not [one for one in pages if "<img src=x" in one or "<script>alert" in one]


def spoil(kept: Path, into: Path, fields: dict[str, Any]) -> Path:
    """Copy the store, its second run with these fields in place of its result."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(kept, into)
    store_spoiled(second(into), fields)
    return into


def all_places(whole: dict[str, Any]) -> list[Place]:
    """Return where a text of a result lies, of all that its models allow."""
    return [place for pattern in text_fields(Result) for place in found_at(whole, pattern)]


def test_the_run_that_is_spoiled_holds_every_text_that_a_result_can_hold(whole: dict[str, Any]) -> None:
    assert Result.model_validate(whole).status == "done"
    patterns = list(text_fields(Result))
    assert len(patterns) > 50
    assert [pattern for pattern in patterns if not list(found_at(whole, pattern))] == []
    assert ("behaviour", "structure", "*", KEY) in patterns
    assert ("environment", "device") in patterns


@pytest.mark.slow
def test_each_text_of_a_result_may_be_hostile(
    kept: Path, whole: dict[str, Any], tmp_path: Path, capsys: Capture
) -> None:
    for place, text in zip(one_of_each(all_places(whole)), cycle(HOSTILE.values()), strict=False):
        look(spoil(kept, tmp_path / "store", replaced(whole, place, text)), capsys)


@pytest.mark.stress
@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_text_may_stand_in_each_field(
    name: str, kept: Path, whole: dict[str, Any], tmp_path: Path, capsys: Capture
) -> None:
    for number, place in enumerate(one_of_each(all_places(whole))):
        store = spoil(kept, tmp_path / "store", replaced(whole, place, HOSTILE[name]))
        look(store, capsys, drawn=number % 4 == 0)


@pytest.mark.parametrize("name", ["a great probe", pytest.param("a great frame", marks=pytest.mark.slow)])
def test_a_page_is_drawn_beside_a_probe_that_no_machine_holds(
    name: str, kept: Path, whole: dict[str, Any], tmp_path: Path, capsys: Capture
) -> None:
    store = spoil(kept, tmp_path / "store", replaced(whole, ("plan", "probe"), HOSTILE[name]))
    look(store, capsys, drawn=True)


@pytest.mark.stress
@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_of_a_result_may_be_hostile(
    name: str, kept: Path, whole: dict[str, Any], tmp_path: Path, capsys: Capture
) -> None:
    for number, place in enumerate(one_of_each(numbers(whole))):
        store = spoil(kept, tmp_path / "store", replaced(whole, place, NUMBERS[name]))
        look(store, capsys, drawn=number % 4 == 0)


@pytest.mark.parametrize(
    ("model", "file"),
    [pytest.param(Certificate, CERTIFICATE, marks=pytest.mark.slow), (Choice, CHOICE)],
    ids=["certificate", "choice"],
)
def test_each_text_of_what_lies_beside_runs_may_be_hostile(
    model: type[Any], file: str, kept: Path, tmp_path: Path, capsys: Capture
) -> None:
    store = tmp_path / "store"
    shutil.copytree(kept, store)
    path = next(store.glob(f"*/{file}"))
    fields = unsealed(path)
    fields |= {"networks": {"window": {"loss": 0.1}}} if model is Certificate else {}
    texts = [place for pattern in text_fields(model) for place in found_at(fields, pattern)]
    assert len(texts) >= 5
    hostile = cycle(HOSTILE.values())
    for place in one_of_each(texts):
        write_sealed(path, replaced(fields, place, next(hostile)))
        look(store, capsys)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_result_may_name_any_file(name: str, kept: Path, whole: dict[str, Any], tmp_path: Path) -> None:
    fields = {**whole, "files": {**whole["files"], HOSTILE[name]: "0" * 64}}
    store = Store(spoil(kept, tmp_path / "store", fields))
    card = make_card(store, registry())
    assert [one for one in card.left_out if one.startswith("spoiled-")]
    assert len(card.columns[0].cells) == 1


def test_a_text_that_is_no_unicode_is_refused_and_never_written(store: Store) -> None:
    folder: Folder = store.aux_folder("any")
    folder.write_json("any.json", {"a\ud800": ["\udfff", "\U0001f600", "é"]})
    assert folder.read_json("any.json") == {"a?": ["?", "\U0001f600", "é"]}
