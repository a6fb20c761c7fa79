"""What is guarded: a probe whose code raises about what a store holds costs its own column alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from small import PROBE, done

from probekit.cards.assemble import make_card
from probekit.catalog.registry import registry
from probekit.pages.page import render_page
from probekit.plugin.components import Component
from probekit.storage.store import Store
from probekit_probes.nonlocality.probe import Nonlocality


class Odd(Nonlocality):
    """A probe that is whole while it runs, and raises afterwards where it is told to."""

    raises: ClassVar[set[str]] = set()

    @property
    def certificates(self) -> Mapping[str, Any]:  # type: ignore[override]
        if "certificates" in self.raises:
            raise ZeroDivisionError("certificates")
        return {}

    @property
    def thresholds(self) -> tuple[float, float]:
        if "thresholds" in self.raises:
            raise ZeroDivisionError("thresholds")
        return 0.9, 0.25

    def data(self, split: Any, seed: int) -> Any:
        if "data" in self.raises:
            raise MemoryError("data")
        return super().data(split, seed)

    def drawn(self, outputs: Any, targets: Any) -> Any:
        if "drawn" in self.raises:
            raise KeyError("drawn")
        return super().drawn(outputs, targets)


KNOWN = registry().with_components(Component("probe", "odd", Odd, "for a test"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("odd")
    for probe in (PROBE, PROBE.replace("nonlocality", "odd")):
        assert done(folder, KNOWN, probe=probe, structure="unet").result.status == "done"
    return Store(folder)


@pytest.mark.parametrize("what", ["certificates", "thresholds"])
def test_a_probe_that_raises_is_left_out_by_name_and_the_rest_is_a_card(
    what: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Odd, "raises", {what})
    card = make_card(store, KNOWN)
    assert [column.probe for column in card.columns] == [PROBE]
    (line,) = card.left_out
    assert line.startswith("odd-")
    assert line.endswith(f"ZeroDivisionError: {what}")


@pytest.mark.parametrize("what", ["data", "drawn"])
def test_a_probe_whose_items_cannot_be_drawn_keeps_its_numbers_on_the_page(
    what: str, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card = make_card(store, KNOWN)
    assert len(card.columns) == 2
    monkeypatch.setattr(Odd, "raises", {what})
    text = render_page(card, store, KNOWN)
    assert text.count("Worst, median and best test cases") == 2
