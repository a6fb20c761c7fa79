"""What is guarded: maps of all cards are on one scale, and what is exact is said in words."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import torch
from PIL import Image
from stores import real

from probekit.cards.assemble import make_card
from probekit.catalog.registry import registry
from probekit.pages.maps import draw_maps
from probekit.pages.plots import render_log_heatmap


def levels(address: str) -> list[int]:
    content = base64.b64decode(address.partition("base64,")[2])
    return list(Image.open(io.BytesIO(content)).tobytes())


def test_one_error_has_one_shade_whatever_stands_beside_it() -> None:
    one = levels(render_log_heatmap(torch.tensor([[1e-9, 1e-3], [1.0, 50.0]]), 1e-6, 1.0))
    other = levels(render_log_heatmap(torch.tensor([[1e-3, 1e-3], [1e-3, 1e-3]]), 1e-6, 1.0))
    assert one == [0, other[0], 255, 255]
    assert 100 < other[0] < 150


def test_an_exact_network_is_said_in_words_and_not_drawn(tmp_path: Path) -> None:
    store = real(tmp_path, ("lambda", "lambda+coordconv"), probe="translation")
    (column,) = make_card(store, registry()).columns
    missing: list[str] = []
    moved = draw_maps(column.cells, store, missing)[-1]
    assert missing == []
    assert moved.title == "Equivariance error"
    assert moved.notes[-1] == "Exactly equivariant (error below 1e-6), not drawn: lambda."
    assert [panel.caption.partition(":")[0] for panel in moved.panels] == ["lambda+coordconv"]
