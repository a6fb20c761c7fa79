"""What is guarded: a card of many structures is read at a glance, and tells its reasons when asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stores import THIRTEEN, card_of, ranked
from tabs import opened

from probekit.catalog.registry import registry
from probekit.pages.page import render_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def text_of(folder: Path, names: tuple[str, ...]) -> str:
    """Return the page of a card of so many structures."""
    store = ranked(folder / "store", names)
    return render_page(card_of(store), store, registry())


def test_sentences_of_many_structures_are_folded(tmp_path: Path) -> None:
    assert "One sentence per structure" not in text_of(tmp_path / "few", THIRTEEN[:12])
    assert "One sentence per structure" in text_of(tmp_path / "many", THIRTEEN)


@pytest.mark.slow
def test_reasons_of_many_structures_are_shown_when_all_is_unfolded(browser: Browser, tmp_path: Path) -> None:
    few, _ = opened(browser, tmp_path, text_of(tmp_path / "few", THIRTEEN[:12]))
    told = few.locator(".matrix .why")
    assert told.filter(visible=True).count() == told.count() > 0
    many, _ = opened(browser, tmp_path, text_of(tmp_path / "many", THIRTEEN))
    told = many.locator(".matrix .why")
    assert told.filter(visible=True).count() == 0 < told.count()
    for unfolded in (False, True):  # `opened` has unfolded what HTML folds, so that the first folds it
        many.locator("button.unfold").click()
        assert told.filter(visible=True).count() == (told.count() if unfolded else 0)


@pytest.mark.slow
def test_heads_of_a_large_table_stay_when_it_is_scrolled(browser: Browser, tmp_path: Path) -> None:
    tab, _ = opened(browser, tmp_path, text_of(tmp_path, THIRTEEN), viewport={"width": 700, "height": 500})
    table = tab.locator(".scroll:has(> .many)")
    table.scroll_into_view_if_needed()
    head = tab.locator(".many thead th").last
    before = head.bounding_box()
    assert table.evaluate("(one) => { one.scrollTop = 300; return one.scrollTop; }") == 300
    assert head.bounding_box() == before
