"""What is guarded: a card takes the survey's rows of the same data alone, and says which they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import call
from stores import IMG, KNOWN, put, real

import probekit
from probekit.cards.card import Card
from probekit.cards.markdown import card_to_markdown
from probekit.pages.latex import card_to_latex
from probekit.pages.page import render_page
from probekit.plugin.errors import UsageError
from probekit.rows.cells import Row
from probekit.rows.layers import ROWS
from probekit.rows.rows_file import read_all_rows, write_rows
from probekit.rows.transfer import export_rows, merge_rows
from probekit.rows.with_survey import make_card_with_survey
from probekit.storage.store import Store


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    """A survey of three structures on the noisy probe, one of them failed once."""
    store = Store(tmp_path / "surveyed")
    put(store, "unet", {0: 0.5, 1: 0.6})
    put(store, "unet+average", {0: 0.1, 1: 0.15, 2: None})
    put(store, "unet+lambda", {0: 0.3, 1: 0.3})
    write_rows(tmp_path / "rows.csv", export_rows(store, []))
    return tmp_path / "rows.csv"


def with_survey(store: Store, survey: Path, *structures: str) -> Card:
    return make_card_with_survey(store, KNOWN, structures, path=survey)


def test_the_surveys_rows_follow_and_are_marked(store: Store, survey: Path) -> None:
    put(store, "unet+gru", {0: 0.4, 1: 0.45})
    card = with_survey(store, survey)
    assert list(card.structures) == [
        "unet+gru",
        "unet (survey)",
        "unet+average (survey)",
        "unet+lambda (survey)",
    ]
    (column,) = card.columns
    assert [cell.surveyed for cell in column.cells] == [False, True, True, True]
    assert all(cell.next_step is None for cell in column.cells if cell.surveyed)
    assert {run.status for run in column.cells[2].runs} == {"done", "failed"}
    assert column.rebuild == ("probekit run noisy -s unet+gru --scale smoke --seeds 2",)
    assert len(list(store.read_results())) == 2  # nothing is written to the user's store
    assert Card.model_validate_json(card.model_dump_json()) == card


def test_each_output_marks_them_in_text(store: Store, survey: Path) -> None:
    put(store, "unet+gru", {0: 0.4, 1: 0.45})
    card = with_survey(store, survey)
    page = render_page(card, store, KNOWN)
    for text in (card_to_markdown(card), card_to_latex(card), page):
        assert "unet+average (survey)" in text
    assert "shipped with probekit" in page
    assert "No answers of unet (survey)" not in page
    assert IMG not in page


def test_structures_of_the_store_replace_the_surveys(store: Store, survey: Path) -> None:
    put(store, "unet", {0: 0.45})
    card = with_survey(store, survey, "unet")
    assert list(card.structures) == ["unet", "unet+average (survey)", "unet+lambda (survey)"]
    assert "2 runs of structures that you ran, too, are not counted" in " ".join(card.left_out)


def test_rows_of_another_version_are_left_out(store: Store, survey: Path, tmp_path: Path) -> None:
    put(store, "unet+gru", {0: 0.4, 1: 0.45})
    rows = [change_version(row) if "average" in row.result.plan.structure else row for row in rows_of(survey)]
    write_rows(survey, rows)
    card = with_survey(store, survey)
    assert "unet+average (survey)" not in card.structures
    (line,) = card.left_out
    assert line.startswith("the survey on noisy, smoke: 3 runs on version 99 of the probe")


def test_a_survey_without_a_comparable_row_is_an_error(store: Store, survey: Path) -> None:
    put(store, "unet+gru", {0: 0.4})
    write_rows(survey, map(change_version, rows_of(survey)))
    with pytest.raises(UsageError, match=r"7 runs on version 99.* while yours are on version") as error:
        with_survey(store, survey)
    assert "noisy (version 99, smoke)" in error.value.hint


def test_another_scale_is_told_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real(tmp_path / "store", ("unet",))
    code, _, err = call(capsys, "card", "--with-survey", "--store", str(tmp_path / "store"))
    assert code == 2
    assert "no runs with these parameters at this scale" in err
    assert "nonlocality (version" in err


def test_a_run_of_the_shipped_survey_stands_beside_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row for row in read_all_rows(ROWS)[0] if row.result.behaviour.probe]
    plan = rows[-1].result.plan
    mine = [row for row in rows if row.result.plan.row_key == plan.row_key]
    mine = [row for row in mine if row.result.plan.column_key == plan.column_key]
    list(merge_rows(Store(tmp_path / "store"), mine))
    html = tmp_path / "card.html"
    words = ("card", "--with-survey", "--html", str(html), "--store", str(tmp_path / "store"))
    assert call(capsys, *words)[0] == 0
    assert "(survey)" in html.read_text()
    card = probekit.card(with_survey=True, store=tmp_path / "store")
    others = {row.result.plan.row_key for row in rows if row.result.plan.column_key == plan.column_key}
    assert len(card.structures) == len(others)


def rows_of(path: Path) -> list[Row]:
    """Return the rows of a file."""
    return read_all_rows(path)[0]


def change_version(row: Row) -> Row:
    """Return a row on version 99 of its probe."""
    plan = row.result.plan
    components = tuple(
        used.model_copy(update={"version": 99}) if used.kind == "probe" else used for used in plan.components
    )
    plan = plan.model_copy(update={"components": components})
    return row._replace(result=row.result.model_copy(update={"plan": plan}))
