"""What is guarded: a card of seven structures is read on paper and on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from stores import real

from probekit.cards.assemble import make_card
from probekit.catalog.registry import registry
from probekit.pages.page import render_page
from probekit.storage.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
SEVEN = (
    "unet", "unet+average", "unet+global-context", "unet+lambda", "unet+lambda(heads=2)",
    "unet+lambda(keys=8)", "unet+lambda+pe",
)  # fmt: skip


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of seven structures on three properties."""
    folder = tmp_path_factory.mktemp("seven")
    for probe in ("nonlocality", "translation", "grouping"):
        real(folder, SEVEN, probe=probe)
    return render_page(make_card(Store(folder), registry()), Store(folder), registry())


def test_seven_structures_on_three_properties_are_four_printed_pages(
    browser: Browser, tmp_path: Path, seven: str
) -> None:
    (tmp_path / "card.html").write_text(seven, encoding="utf-8")
    tab = browser.new_context().new_page()
    tab.goto((tmp_path / "card.html").as_uri())
    printed = tab.pdf(format="A4")
    assert 1 < len(re.findall(rb"/Type\s*/Page[^s]", printed)) <= 4
    tab.emulate_media(media="print")
    wide = "document.querySelectorAll('.scroll')[0].scrollWidth <= document.documentElement.clientWidth"
    assert tab.evaluate(wide)


def test_a_phone_shows_the_last_verdict_of_seven_within_two_screens(
    browser: Browser, tmp_path: Path, seven: str
) -> None:
    (tmp_path / "card.html").write_text(seven, encoding="utf-8")
    tab = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    tab.goto((tmp_path / "card.html").as_uri())
    last = tab.locator(".matrix .verdict").last
    assert last.evaluate("one => one.getBoundingClientRect().bottom") <= 2 * 844
