"""Draw the pictures of the README with the browser of the extra `browser`, legible at a width of 640 pixels.

python examples/pictures.py          # card.png, of the committed runs of five layers
python examples/pictures.py STORE    # by-distance.png, of the runs of nonlocality in a store, made by

probekit run nonlocality -s unet -s unet+lambda -s unet+average -s unet+global-context --seeds 3 --store STORE

`first-run.png` is the file `cases.png` that `unet+lambda` leaves in the folder of its run.
"""

from __future__ import annotations

import shutil
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import sync_playwright

import probekit
from probekit.catalog.registry import registry
from probekit.pages.page import render_page
from probekit.storage.store import Store

RESULTS = Path(__file__).parent / "results"
LAYERS = ("transformer", "deltanet", "gru", "s4d", "average")
PROBES = ("recall", "parity", "selective-copying")
WIDTH = 760
"""Of the window, in CSS pixels; each is drawn as two by two pixels."""
MARGIN = 10
"""CSS pixels around the element: labels of axes reach beyond it."""


def draw_element(
    store: Path, structures: tuple[str, ...], probes: tuple[str, ...], selector: str, file: Path
) -> None:
    """Draw one element of a card's page as a picture."""
    card = probekit.card(structures, probes, store=store)
    page_text = render_page(card, Store(store), registry(), structures, probes)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=2)
        page.set_content(page_text)
        box = page.locator(selector).first.bounding_box()
        assert box, f"the page has no {selector}"
        corner = {"x": box["x"] - MARGIN, "y": box["y"] - MARGIN}
        sides = {side: box[side] + 2 * MARGIN for side in ("width", "height")}
        page.screenshot(path=file, full_page=True, clip={**corner, **sides})
        browser.close()


def main() -> None:
    if sys.argv[1:]:
        store = Path(sys.argv[1])
        draw_element(store, (), ("nonlocality",), "div.beside", RESULTS / "by-distance.png")
        return
    with TemporaryDirectory() as folder:
        for probe in PROBES:
            with tarfile.open(RESULTS / "runs" / f"{probe}.tar.xz") as archive:
                archive.extractall(folder, filter="data")
        draw_element(Path(folder), LAYERS, PROBES, "table.matrix", RESULTS / "card.png")


if __name__ == "__main__":
    main()
