"""What is guarded: what is stored is text on the page, whatever it is, and runs nowhere."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from stores import IMG, KNOWN, card_of, put
from tabs import opened

from probekit.evidence.certify import Certificate
from probekit.evidence.item_checks import Check
from probekit.pages.page import render_page
from probekit.storage.folder import RESULT
from probekit.storage.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def hostile(folder: Path) -> Store:
    """A store in which all that can be text is an attack, its digests made right."""
    store = Store(folder)
    put(store, "unet", {0: 0.5, 1: None})
    (one,) = put(store, "unet+average", {0: 0.4})
    result = one.read_result()
    shutil.rmtree(one.path)
    spec = result.plan.spec.model_copy(
        update={"structure": f'unet+average(x="{IMG}")', "trainer": f"t('{IMG}')"}
    )
    plan = result.plan.model_copy(update={"spec": spec, "structure": f'"><script>alert(1)</script>{IMG}'})
    environment = result.environment.model_copy(update={"torch": IMG, "device": "</script>" + IMG})
    forged = result.model_copy(
        update={"plan": plan, "environment": environment, "weights": IMG, "measured": {IMG: 1.0}}
    )
    store.new_run(plan).write_result(forged)
    odd = store.root / IMG.replace("/", "")
    odd.mkdir()
    (odd / RESULT).write_text("{")
    check = Check(name=IMG, holds=True, evidence=IMG)
    certificate = Certificate(
        probe="noisy", version=1, question=result.behaviour.probe, scale="smoke", items=1, checks=(check,)
    )
    folder = store.aux_folder("certificate-noisy-smoke")
    folder.write("certificate.json", certificate.model_dump_json().encode())
    return store


def test_what_is_stored_appears_as_text_alone(tmp_path: Path) -> None:
    store = hostile(tmp_path / "store")
    text = render_page(card_of(store), store, KNOWN)
    assert "<img src=x" not in text
    assert "alert(1)</script>" not in text
    escaped = "&lt;img src=x onerror=alert(1)&gt;"
    assert text.count(escaped) >= 8
    assert text.count("<script>") == 1


def test_attacks_do_nothing_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    store = hostile(tmp_path / "store")
    tab, heard = opened(browser, tmp_path, render_page(card_of(store), store, KNOWN))
    assert heard == []
    assert tab.locator("img[src=x]").count() == 0
    assert IMG in tab.locator("body").inner_text()
