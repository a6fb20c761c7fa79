"""What is guarded: the page asks nothing of anywhere, all can read it, and it draws each thing once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from small import knowing, planned
from stores import IMG, real
from tabs import opened
from torch import Tensor, nn

from probekit.cards.assemble import make_card
from probekit.catalog.registry import registry
from probekit.pages.page import render_page
from probekit.pages.plots import INK, draw_loss_curves, thin_points
from probekit.plugin.errors import StoreError
from probekit.scores.pictures import COLOURS
from probekit.storage.folder import CASES, ITEMS
from probekit.storage.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow
LAYERS = (
    "average", "global-context", "lambda", "lambda(heads=2)", "lambda(keys=8)", "lambda+pe", "lambda-tt",
    "transformer(heads=1)", "transformer(heads=2)",
)  # fmt: skip
TEN = ("unet", *(f"unet+{layer}" for layer in LAYERS))
LINE = "grouping(colours=3,paired=false,size=32,test=12,train=32,validation=8)"
MEGABYTES = 1e6


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of ten structures on pictures, two of them on a line too, one of them failed once."""
    folder = tmp_path_factory.mktemp("store")
    real(folder, TEN)
    real(folder, TEN[:2], seeds=2)
    real(folder, TEN[:2], probe=LINE)
    failed = planned(structure="unet+lambda", seed=1, trainer="supervised")
    result = Store(folder).find(planned(structure="unet+lambda", trainer="supervised"))
    assert result is not None
    Store(folder).new_run(failed).write_result(
        result[0].model_copy(update={"plan": failed, "status": "failed", "error": f"RuntimeError: {IMG}"})
    )
    return Store(folder)


@pytest.fixture(scope="module")
def text(store: Store) -> str:
    return render_page(make_card(store, registry()), store, registry())


def test_the_page_of_ten_structures_is_one_file_of_less_than_five_megabytes(text: str) -> None:
    assert len(text.encode()) < 5 * MEGABYTES
    assert all(f">{name}</th>" in text for name in TEN)
    tags = re.findall(r"<[a-z][^>]*>", text)
    links = re.findall(r"""\b(?:src|srcset|href|action|data)="([^"]+)""", " ".join(tags))
    assert links
    assert [link for link in links if not link.startswith(("data:image/png;base64,", "#"))] == []


def test_the_page_is_the_same_each_time(store: Store, text: str) -> None:
    assert render_page(make_card(store, registry()), store, registry()) == text


def test_cases_curves_and_maps_of_all_are_drawn_in_both_dimensions(text: str) -> None:
    for name in TEN:
        assert f'alt="Prediction of {name} on test item ' in text
        assert f'alt="Receptive field of {name}: ' in text
    assert text.count('alt="Input of test item ') >= 2 * 4
    assert 'class="panels flat"' in text
    assert text.count("<summary>Learning curves</summary>") == 2
    assert [text.count(f"<h3>Difficulty: {axis}</h3>") for axis in ("distance", "shown")] == [1, 1]
    assert text.count('<figure class="plot"') == 4
    assert "is not drawn" not in text


def test_several_structures_are_drawn_on_the_same_cases(text: str) -> None:
    cases = re.findall(
        r'<p class="case">(.*?), test item (\d+)</p>(.*?)(?=<p class="case">|<h3>)', text, re.S
    )
    titles = [title for title, _, _ in cases]
    for title in ("greatest difference", "worst on average", "median on average", "best on average"):
        assert titles.count(title) == 2
    index, drawn = next((index, drawn) for title, index, drawn in cases[4:] if title == "greatest difference")
    assert all(f'alt="Prediction of {name} on test item {index}' in drawn for name in TEN)
    assert drawn.count("<img") == 2 + 2 * len(TEN)


def test_a_run_without_stored_answers_shows_its_picture(tmp_path: Path) -> None:
    store = real(tmp_path, ("unet",))
    folder = store.newest_run(planned(structure="unet", trainer="supervised"))
    assert folder is not None
    result = folder.read_result()
    files = {name: digest for name, digest in result.files.items() if name != ITEMS}
    folder.write_result(result.model_copy(update={"files": files}))
    text = render_page(make_card(store, registry()), store, registry())
    assert "No answers of unet are drawn: it was stored without items.safetensors." in text
    assert "As drawn when it was scored" in text
    card = make_card(store, registry())
    (folder.path / CASES).write_bytes(b"<svg onload=alert(1)>")
    assert "As drawn when it was scored" not in render_page(card, store, registry())
    with pytest.raises(StoreError, match=r"cases\.png is truncated or was changed"):
        make_card(store, registry())


SPOILT: dict[str, Callable[[dict[str, Tensor]], dict[str, Tensor]]] = {
    "no index": lambda tensors: {name: part for name, part in tensors.items() if name != "index"},
    "an index beyond the items": lambda tensors: {**tensors, "index": tensors["index"] + 1000},
    "fewer answers": lambda tensors: {**tensors, "answers": tensors["answers"][:3].contiguous()},
    "inputs that are not finite": lambda tensors: {**tensors, "inputs": tensors["inputs"] / 0},
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_answers_are_a_note(name: str, tmp_path: Path) -> None:
    store = real(tmp_path, ("unet",))
    folder = store.newest_run(planned(structure="unet", trainer="supervised"))
    assert folder is not None
    result = folder.read_result()
    tensors = SPOILT[name](dict(folder.read_tensors(ITEMS, result)[0]))
    files = {**result.files, ITEMS: folder.write_tensors(ITEMS, tensors)}
    folder.write_result(result.model_copy(update={"files": files}))
    text = render_page(make_card(store, registry()), store, registry())
    assert "No answers of unet are drawn: items.safetensors is not as probekit writes it." in text
    assert "Prediction of unet" not in text


def test_a_structure_that_is_not_installed_is_drawn(tmp_path: Path) -> None:
    def net(shape: Any, width: int) -> nn.Module:
        return nn.Conv2d(shape.inputs, shape.outputs, 1)

    real(tmp_path, ("net",), known=knowing("net", net))
    store = Store(tmp_path)
    text = render_page(make_card(store, registry()), store, registry())
    assert 'alt="Prediction of net on test item ' in text


def test_a_page_builds_no_network(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    card = make_card(store, registry())

    def refuse(*values: object, **options: object) -> None:
        raise AssertionError("a page is made of a card and of files")

    monkeypatch.setattr(nn.Module, "__init__", refuse)
    assert 'alt="Prediction of unet on test item ' in render_page(card, store, registry())


def test_plots_take_the_colours_of_the_page_and_ids_of_their_own() -> None:
    points = [(float(step), 1.0 / step) for step in range(1, 500)]
    one, other = draw_loss_curves([("#3b7dd8", points)], "a"), draw_loss_curves([("#3b7dd8", points)], "b")
    assert INK not in one
    assert "currentColor" in one
    assert COLOURS[0] in one
    ids = [set(re.findall(r'id="(p[0-9a-f]+|m[0-9a-f]+)"', svg)) for svg in (one, other)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert len(thin_points(points)) <= 120


def test_the_policy_stops_what_escaping_would_let_through(
    browser: Browser, tmp_path: Path, text: str
) -> None:
    broken = text.replace(
        "<footer>", "<img src='https://example.org/x.png'><script>alert(1)</script><footer>", 1
    )
    _, heard = opened(browser, tmp_path, broken)
    assert not [one for one in heard if one.startswith("dialog")]
    assert [one for one in heard if "Content Security Policy" in one]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_an_error_or_a_request(
    browser: Browser, tmp_path: Path, text: str, scheme: str
) -> None:
    tab, heard = opened(browser, tmp_path, text, color_scheme=scheme)
    assert heard == []
    assert tab.locator("h1").inner_text() == "Report card"


def test_nothing_scrolls_sideways_on_a_phone(browser: Browser, tmp_path: Path, text: str) -> None:
    tab, _ = opened(browser, tmp_path, text, viewport={"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert tab.locator(".scroll").first.evaluate("one => one.scrollWidth <= one.clientWidth")
    rows = tab.locator(".matrix tbody tr")  # a card each, under its name
    tops = (
        rows.nth(0).locator("th, td").evaluate_all("all => all.map(one => one.getBoundingClientRect().top)")
    )
    assert tops == sorted(set(tops))


def test_the_matrix_is_sorted_by_a_click_and_by_the_keyboard(
    browser: Browser, tmp_path: Path, text: str
) -> None:
    tab, _ = opened(browser, tmp_path, text)
    head = tab.locator(".matrix thead th").nth(1)
    keys = ".matrix tbody tr td:nth-child(2)"
    column = "ones => ones.map((one) => one.dataset.key).filter(Boolean).map(Number)"
    head.locator("button").click()
    found = tab.locator(keys).evaluate_all(column)
    assert head.get_attribute("aria-sort") == "ascending"
    assert found == sorted(found)
    assert len(set(found)) > 1
    head.locator("button").focus()
    tab.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert tab.locator(keys).evaluate_all(column) == sorted(found, reverse=True)
    assert "descending" in tab.locator("#said").inner_text()
    tab.locator(".matrix thead button").first.click()
    assert head.get_attribute("aria-sort") is None
    names = tab.locator(".matrix tbody th").all_inner_texts()
    assert sorted(names) == sorted(text for text in names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(browser: Browser, tmp_path: Path, text: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    tab, _ = opened(browser, tmp_path, text, color_scheme=scheme)
    found = axe.run(tab).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
    ] == []
    tab.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,\"><button></button>')")
    assert {"image-alt", "button-name"} <= {one["id"] for one in axe.run(tab).response["violations"]}


def test_no_test_item_is_drawn_twice_on_one_network(text: str) -> None:
    drawn = re.findall(r'alt="Prediction of ([^"]*) on test item (\d+)', text)
    parts = text.split('<section aria-labelledby="column-')[1:]
    assert len(parts) == 2
    for part in parts:
        drawn = re.findall(r'alt="Prediction of ([^"]*) on test item (\d+)', part)
        assert len(drawn) > len(TEN)
        assert len(set(drawn)) == len(drawn)


def test_all_is_unfolded_by_one_button_and_folded_again(browser: Browser, tmp_path: Path, text: str) -> None:
    tab, _ = opened(browser, tmp_path, text)
    tab.locator("button.unfold").click()  # `opened` has unfolded all
    assert tab.locator("details[open]").count() == 0
    tab.locator("button.unfold").click()
    assert tab.locator("details:not([open])").count() == 0
