"""What is guarded: one run has one name however it is typed, and letters that pass for others are seen."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from small import PROBE, call, done
from spoilt import replaced, store_spoiled, unsealed

from probekit.cards.assemble import make_card
from probekit.cards.markdown import card_to_markdown
from probekit.catalog.grammar import normalize_expression, parse_expression
from probekit.catalog.registry import registry
from probekit.pages.page import render_page
from probekit.plain import describe_lookalike, escape_cell, escape_lookalikes
from probekit.plans.rerun_commands import list_rerun_commands
from probekit.plans.spec import make_spec
from probekit.plugin.errors import UsageError, did_you_mean
from probekit.storage.folder import RESULT
from probekit.storage.store import Store

Capture = pytest.CaptureFixture[str]
CYRILLIC = "l\u0430mbda"
WORDS = ("--scale", "smoke", "--device", "cpu", "--json")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store that holds two runs."""
    folder = tmp_path_factory.mktemp("kept")
    for structure in ("unet", "unet+average"):
        assert done(folder, structure=structure, trainer="supervised").result.status == "done"
    return folder


def with_texts(store: Path, into: Path, **texts: str) -> tuple[Path, Path]:
    """Copy a store and put other texts in the specification of its second run; return both paths."""
    shutil.copytree(store, into)
    run = next(path for path in into.iterdir() if "average" in path.name)
    fields = unsealed(run / RESULT)
    for name, text in texts.items():
        at = ("plan", "spec", name) if name in fields["plan"]["spec"] else (name,)
        fields = replaced(fields, at, text)
    return into, store_spoiled(run, fields)


@pytest.mark.parametrize(
    "typed", ["unet+average", "unet+average()", " unet() + average( ) ", "unet + average", "unet()+average"]
)
def test_what_is_typed_in_another_way_of_writing_is_the_stored_run(
    typed: str, kept: Path, capsys: Capture
) -> None:
    assert make_spec(probe=f"{PROBE} ", structure=typed).structure == "unet+average"
    code, out, _ = call(capsys, "run", PROBE, "-s", typed, "-s", "unet+average", *WORDS, "--store", str(kept))
    assert (code, [row["structure"] for row in json.loads(out)]) == (0, ["unet+average"])
    _, out, _ = call(capsys, "runs", "--structure", typed, "--store", str(kept), "--json")
    assert len(json.loads(out)) == 1
    code, out, _ = call(
        capsys, "card", typed, "unet+average", "--probe", PROBE, "--store", str(kept), "--json"
    )
    card = json.loads(out)
    assert (code, card["missing"]) == (0, [])
    assert [*card["structures"]] == ["unet+average"]
    words = ("compare", "unet()", typed, "--probe", PROBE, "--scale", "smoke", "--store", str(kept))
    assert "average" in call(capsys, *words)[1]


def test_a_run_stored_in_another_way_of_writing_has_the_same_row(kept: Path, tmp_path: Path) -> None:
    store, _ = with_texts(kept, tmp_path / "store", structure="unet()+average()", trainer="supervised()")
    card = make_card(Store(store), registry())
    assert "unet+average" in card.structures
    assert "-s unet+average --scale" in " ".join(card.columns[0].rebuild)


@pytest.mark.parametrize("text", ["", "unet+", "\x1b[2J", "a" * 5000, "unet(a=", CYRILLIC])
def test_a_text_that_is_no_expression_stays_as_it_is(text: str) -> None:
    assert normalize_expression(text) == text


@pytest.mark.parametrize(
    ("typed", "looks", "sign"),
    [
        (CYRILLIC, "lambda", "U+0430, cyrillic small letter a"),
        ("\u0430verage", "average", "U+0430, cyrillic small letter a"),
        ("unet+\u0430v\u0435rage(k=1)", "average", "U+0430"),
        ("global\u2010context", "global-context", "U+2010, hyphen"),
        ("\uff4clambda", "llambda", "U+FF4C, fullwidth latin small letter l"),
        ("m\u03bfmba", "momba", "U+03BF, greek small letter omicron"),
        ("m\u0131xer", "mixer", "U+0131, latin small letter dotless i"),
    ],
)
def test_a_typed_name_that_looks_like_another_says_which_letter_is_not(
    typed: str, looks: str, sign: str
) -> None:
    with pytest.raises(UsageError) as error:
        parse_expression(typed)
    assert f"looks like {looks}, but contains {sign}" in error.value.problem
    assert error.value.hint == f"Type {looks}."


@pytest.mark.parametrize(
    "words",
    [
        ("show", CYRILLIC),
        ("check", "layer", CYRILLIC),
        ("run", "nonlocality", "-s", f"unet+{CYRILLIC}"),
        ("run", "nonl\u043ecality", "-s", "unet"),
        ("run", "nonlocality", "-s", "unet", "--scale", "sm\u043eke"),
        ("card", CYRILLIC),
        ("store", "v\u0435rify"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_says_so_too(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *words)
    assert code == 2
    assert "looks like" in err
    assert "cyrillic small letter" in err


@pytest.mark.parametrize(
    "text", ["\u00fcnicode", "\u043c\u043e\u0434\u0435\u043b\u044c", "\u7f51\u7edc", "lambda", ""]
)
def test_words_of_other_languages_are_left_alone(text: str) -> None:
    assert (describe_lookalike(text), escape_lookalikes(f"unet+{text}(a={text})")) == (
        "",
        f"unet+{text}(a={text})",
    )
    assert "looks like" not in did_you_mean(text, ["lambda"])


def test_a_stored_name_that_looks_like_another_is_spelled_out(
    kept: Path, tmp_path: Path, capsys: Capture
) -> None:
    store, _ = with_texts(kept, tmp_path / "store", structure=f"unet+{CYRILLIC}")
    card = make_card(Store(store), registry())
    shown = "unet+l\\u0430mbda"
    assert any(name.startswith(shown) for name in card.structures)
    forms = [card_to_markdown(card), render_page(card, Store(store), registry()), repr(card)]
    for words in (("runs",), ("runs", "--csv"), ("runs", "--json"), ("card",)):
        forms.append(call(capsys, *words, "--store", str(store))[1])
    for form in forms:
        assert CYRILLIC not in form
        assert "l\\u0430mbda" in form.replace("\\\\", "\\")
    assert CYRILLIC not in " ".join(list_rerun_commands([next(iter(Store(store).read_results()))[1].plan]))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+unet", "'+unet"),
        ("-unet", "'-unet"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-1e999x", "'-1e999x"),
        ("+1-1", "'+1-1"),
        ("-3", "-3"),
        ("+0.5e-3", "+0.5e-3"),
        ("-.5", "-.5"),
        ("unet+lambda", "unet+lambda"),
        ("", ""),
        (-0.5, -0.5),
        (None, None),
    ],
)
def test_a_cell_is_no_formula_and_a_number_stays_one(value: object, cell: object) -> None:
    assert escape_cell(value) == cell


@pytest.mark.parametrize("formula", ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_is_stored_is_no_formula_in_comma_separated_values(
    formula: str, kept: Path, tmp_path: Path, capsys: Capture
) -> None:
    store, _ = with_texts(
        kept, tmp_path / "store", structure=formula, scale=formula, status="failed", error=formula
    )
    code, out, _ = call(capsys, "runs", "--csv", "--store", str(store))
    rows = list(csv.reader(io.StringIO(out)))
    assert code == 0
    assert len(rows) == 3
    texts = [cell for row in rows for cell in row if not re.fullmatch(r"-?[0-9.e-]+", cell)]
    assert not [cell for cell in texts if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert sum(cell[:1] == "'" for row in rows for cell in row) == 3
