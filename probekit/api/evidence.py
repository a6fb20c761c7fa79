"""Evidence is computed from stored runs: cards, comparisons and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from probekit.cards.assemble import make_card
from probekit.cards.card import Card
from probekit.cards.contrast import Contrast, contrast_structures
from probekit.catalog.registry import registry
from probekit.evidence.certify import Certificate
from probekit.evidence.certify import certify_probe as run_certification
from probekit.rows.with_survey import make_card_with_survey
from probekit.storage.store import Store
from probekit.terminal.progress import Progress

Names = str | Sequence[str]


def card(
    structures: Names = (),
    probes: Names = (),
    *,
    scale: str | None = None,
    with_survey: bool = False,
    store: str | Path | None = None,
) -> Card:
    """Return the card of stored runs.

    Args:
        structures: one or more expressions; none for all in the store.
        probes: one or more probes; none for all in the store.
        scale: the scale of the runs; None for any.
        with_survey: whether to add the rows of the shipped survey of layers on the same data.
        store: the folder of the store.

    Raises:
        UsageError: the store has no such run, or the survey none that can be compared.
        StoreError: all such runs are left out of the card.
    """
    make = make_card_with_survey if with_survey else make_card
    return make(Store(store), registry(), as_tuple(structures), as_tuple(probes), scale)


def compare(
    first: str, second: str, probe: str, *, scale: str = "quick", store: str | Path | None = None
) -> Contrast:
    """Compare the stored runs of two structures on a probe, over seeds and by test item.

    Args:
        first, second: the expressions of the structures.
        probe: the probe.
        scale: the scale of the runs.
        store: the folder of the store.

    Raises:
        UsageError: a structure has no scored run.
        StoreError: stored scores are corrupt.
    """
    return contrast_structures(Store(store), registry(), first, second, probe, scale)


def certify(
    probe: str,
    scale: str = "quick",
    *,
    items: int = 10_000,
    focus: bool = True,
    controls: Names = (),
    device: str | None = None,
    store: str | Path | None = None,
) -> Certificate:
    """Certify a probe at a scale: labels are unique, the oracle finds them, and the controls fail.

    The certificate is stored, too.

    Args:
        probe: the probe, as "nonlocality(size=64)".
        scale: the scale.
        items: the number of items to check.
        focus: whether to train the controls that are networks, too.
        controls: controls of plugins, which are judged too.
        device: the device, as "cpu" or "cuda"; None for the best one.
        store: the folder of the store.

    Raises:
        UsageError: the probe, a parameter or the scale is unknown.
    """
    with Progress() as progress:
        return run_certification(
            probe,
            scale,
            registry(),
            Store(store),
            items=items,
            focus=focus,
            controls=as_tuple(controls),
            device=device,
            watch=progress.update,
        )


def as_tuple(names: Names) -> tuple[str, ...]:
    """Return one name or a sequence of names as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)
