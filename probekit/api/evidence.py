"""Evidence is what a store says in cards, comparisons and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probekit.cards.assemble import make_card
from probekit.cards.card import Card
from probekit.cards.contrast import Contrast, contrast
from probekit.catalog.registry import registry
from probekit.cli.progress import Progress
from probekit.evidence.certify import Certificate
from probekit.evidence.certify import certify as look
from probekit.storage.store import Store

Names = str | Sequence[str]


def card(
    structures: Names = (),
    probes: Names = (),
    *,
    scale: str | None = None,
    store: str | Path | None = None,
) -> Card:
    """Return the card of these structures and probes, of all that the store holds where none are named.

    Raises UsageError where the store holds nothing of the kind, StoreError where what it holds is left out.
    """
    return make_card(Store(store), registry(), several(structures), several(probes), scale)


def compare(
    one: str, other: str, probe: str, *, scale: str = "quick", store: str | Path | None = None
) -> Contrast:
    """Compare two structures on a probe by what is stored, seed by seed and test item by test item.

    Raises UsageError where they share no scored seed, StoreError where scores are not as they were stored.
    """
    return contrast(Store(store), registry(), one, other, probe, scale)


def certify(
    probe: str,
    scale: str = "quick",
    *,
    items: int = 10_000,
    focus: bool = True,
    device: str | None = None,
    store: str | Path | None = None,
) -> Certificate:
    """Check a probe at a scale: one label an input, an oracle that finds it, controls that fail.

    items: how many are looked at. focus: train the controls that are networks, too. The certificate is kept
    in the store. Raises UsageError for an unknown probe, parameter or scale.
    """
    with Progress() as progress:
        return look(
            probe,
            scale,
            registry(),
            Store(store),
            items=items,
            focus=focus,
            device=device,
            watch=progress.watch,
        )


def several(names: Names) -> tuple[str, ...]:
    """Return one name, or several, as several."""
    return (names,) if isinstance(names, str) else tuple(names)
