"""Opening a page in a browser, with all that it says and asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def opened(browser: Browser, folder: Path, text: str, **given: Any) -> tuple[Page, list[str]]:
    """Open a page from a file; return it and what it complained of or asked for."""
    (folder / "card.html").write_text(text, encoding="utf-8")
    tab = browser.new_context(**given).new_page()
    heard: list[str] = []
    tab.on("console", lambda message: heard.append(message.text))
    tab.on("pageerror", lambda error: heard.append(str(error)))
    tab.on("dialog", lambda dialog: (heard.append(f"dialog {dialog.message}"), dialog.dismiss())[0])
    tab.on("request", lambda request: heard.append(request.url) if ":///" not in request.url[:12] else None)
    tab.goto((folder / "card.html").as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    tab.wait_for_timeout(200)
    return tab, [one for one in heard if not one.startswith("data:")]
