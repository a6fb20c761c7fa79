"""What is guarded: the survey's page says what its cells know, fits both widths, and runs nothing foreign."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from small import call
from stores import IMG, KNOWN, put
from tabs import opened

from probekit.catalog.registry import registry
from probekit.rows.cells import Row
from probekit.rows.heat_map import read_families, render_survey
from probekit.rows.layers import ROWS, make_survey, read_survey
from probekit.rows.rows_file import read_all_rows
from probekit.rows.transfer import export_rows
from probekit.storage.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

MEGABYTE, MOST_CELLS = 1e6, 45 * 11
WIDTHS = {1280: 900, 390: 844}


@pytest.fixture(scope="module")
def page() -> str:
    return render_survey(read_all_rows(ROWS)[0], registry(), former=read_survey())


def test_the_page_has_a_cell_for_each_verdict(page: str) -> None:
    lines = read_survey()
    assert page.count('<button type="button" popovertarget=') == len(lines)
    assert page.count("<div popover ") == len(lines)
    for line in lines:
        assert f'<span class="word">{line.verdict}</span>' in page


def test_a_survey_of_all_layers_stays_below_a_megabyte(page: str) -> None:
    per_cell = len(page.encode()) / len(read_survey())
    assert per_cell * MOST_CELLS < MEGABYTE


def test_every_layer_has_a_family() -> None:
    assert {component.name for component in registry().components("layer")} <= set(read_families())


def test_details_name_seeds_interval_and_recipe(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet+average", {0: 0.2, 1: 0.25, 2: None})
    text = render_survey(list(export_rows(store, [])), KNOWN)
    for part in ("<dt>seeds</dt><dd>0: 80%, 1: 75%</dd>", "<dt>interval</dt>", "<dt>failed</dt><dd>2</dd>"):
        assert part in text
    assert "<dt>recipe</dt><dd>supervised" in text
    assert "Most runs share these parameters of the trainer" in text


def test_what_rows_hold_is_text(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.2})
    (row,) = export_rows(store, [])
    spec = row.result.plan.spec.model_copy(update={"structure": f'unet(x="{IMG}")'})
    plan = row.result.plan.model_copy(update={"spec": spec})
    text = render_survey([Row(row.result.model_copy(update={"plan": plan}), row.curve)], KNOWN)
    assert IMG not in text
    assert "&lt;img src=x" in text


def test_an_older_version_is_marked_and_not_sorted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "unet", {0: 0.2, 1: 0.21})
    put(store, "unet+average", {0: 0.1, 1: 0.12})
    rows = list(export_rows(store, []))
    unet, average = sorted(make_survey(rows, KNOWN), key=lambda line: line.layer)
    old = average._replace(version="0", structure="unet+gru", layer="gru", normalised=0.987)
    text = render_survey(rows, KNOWN, former=[unet, average, old])
    assert text.count('<span class="word">old version&nbsp;0</span>') == 1
    assert 'class="grey old" data-property="nonlocality" data-key=""' in text
    assert f"version 0 (old; installed: {unet.version})</dd>" in text
    assert "old version" not in render_survey(rows, KNOWN, former=[unet, average])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_is_accessible(
    browser: Browser, tmp_path: Path, page: str, width: int, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    size = {"width": width, "height": WIDTHS[width]}
    tab, heard = opened(browser, tmp_path, page, viewport=size, color_scheme=scheme)
    assert heard == []
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert axe.run(tab).response["violations"] == []
    tab.locator("td > button").first.click()
    assert tab.locator("[popover]:popover-open").count() == 1
    assert "recipe" in tab.locator("[popover]:popover-open").inner_text()
    assert axe.run(tab).response["violations"] == []
    tab.keyboard.press("Escape")
    assert tab.locator("[popover]:popover-open").count() == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_a_click_on_a_head_sorts(browser: Browser, tmp_path: Path, page: str, width: int) -> None:
    tab, _ = opened(browser, tmp_path, page, viewport={"width": width, "height": WIDTHS[width]})
    structure, second = (tab.get_by_role("columnheader").nth(index) for index in (0, 1))
    assert structure.get_attribute("aria-sort") == "ascending"
    assert families_of(tab) == sorted(families_of(tab), key=lambda name: ("without" in name, name))
    second.get_by_role("button").click()
    assert (structure.get_attribute("aria-sort"), second.get_attribute("aria-sort")) == (None, "ascending")
    for body in tab.locator(".heat tbody").all():
        assert is_sorted(keys_of(body))
    tab.get_by_role("button", name="Group by family").click()
    keys = keys_of(tab.locator(".heat"))
    assert is_sorted(keys)
    assert len(set(keys)) > 2
    assert tab.locator(".heat tbody .family:visible").count() == 0
    assert "one list" in tab.locator("#said").inner_text()
    second.get_by_role("button").focus()
    tab.keyboard.press("Enter")
    assert second.get_attribute("aria-sort") == "descending"
    tab.get_by_role("button", name="Group by family").click()
    assert len(families_of(tab)) == page.count('scope="rowgroup"')


def families_of(tab: Page) -> list[str]:
    """Return the headings that are shown."""
    return tab.locator(".heat .family:visible").all_inner_texts()


def keys_of(part: Locator) -> list[str]:
    """Return the sort keys of the second column in a part of the table."""
    keys: list[str] = part.locator("tbody td:nth-child(2), tr td:nth-child(2)").evaluate_all(
        "cells => cells.map((cell) => cell.dataset.key)"
    )
    return keys


def is_sorted(keys: list[str]) -> bool:
    """Tell whether keys rise, those without a number last."""
    numbers = [float(key) for key in keys if key]
    return numbers == sorted(numbers) and keys[: len(numbers)] == [key for key in keys if key]


def test_the_command_prints_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    html = tmp_path / "survey.html"
    code, out, _ = call(capsys, "survey", "--csv", "--html", str(html))
    assert code == 0
    assert len(list(csv.DictReader(io.StringIO(out)))) == len(read_survey())
    assert "<h1>Survey of layers</h1>" in html.read_text()
    code, out, _ = call(capsys, "survey")
    assert code == 0
    assert "deltanet" in out
