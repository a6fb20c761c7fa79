"""Stores for the tests of cards: results with given scores, and real small runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from small import done, planned

from probekit.cards.assemble import make_card
from probekit.cards.card import Card
from probekit.cards.cell import Cell
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plugin.components import Component
from probekit.runs.fingerprint import observe_probe
from probekit.storage.behaviour import Behaviour
from probekit.storage.folder import Folder
from probekit.storage.result import Environment, Result
from probekit.storage.store import Store
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.scales import SCALES

IMG = "<img src=x onerror=alert(1)>"
HERE = Environment(probekit="0", torch="2", python="3", device="cpu", threads=1)
FLOOR = 1.0
THIRTEEN = (
    "average", "axial", "criss-cross", "fnet", "glore", "gru", "hyena",
    "lambda", "mamba", "mixer", "s4d", "window", "xca",
)  # fmt: skip


class Noisy(Nonlocality):
    """A probe whose noise between seeds was measured, and whose loss has a floor of one in these tests."""

    scales: ClassVar = {  # type: ignore[misc]
        "smoke": replace(SCALES["smoke"], noise={"loss": 0.01}, decides=True),
        "calm": replace(SCALES["smoke"], noise={}, decides=True),
    }


KNOWN = registry().with_components(Component("probe", "noisy", Noisy, f"a probe with {IMG} in it"))


def put(store: Store, structure: str, scores: Mapping[int, float | None], **asked: Any) -> list[Folder]:
    """Store a result a seed with this loss; None is a seed that failed."""
    folders = []
    first = planned(KNOWN, **{"probe": "noisy", "trainer": "supervised", "structure": structure, **asked})
    for seed, loss in scores.items():
        spec = first.spec.model_copy(update={"seed": seed})
        plan = first.model_copy(update={"seed": seed, "spec": spec})
        folder = store.new_run(plan)
        known = Behaviour(
            probe=observe_probe(
                Noisy, plan.probe, resolve_part("probe", parse_term(plan.probe), KNOWN).make()
            )
            if plan.spec.probe.startswith("noisy")
            else {"data of test": plan.probe},
            structure={"structure": plan.structure},
        )
        failed = {"status": "failed", "error": f"RuntimeError: {IMG}"}
        scored = {"status": "done", "metrics": {"loss": loss}, "floors": {"loss": FLOOR}, "seconds": 2.0}
        folder.write_result(
            Result.model_validate(
                {
                    "plan": plan,
                    "environment": HERE,
                    "behaviour": known,
                    **(failed if loss is None else scored),
                },
                from_attributes=True,
            )
        )
        folders.append(folder)
    return folders


def card_of(store: Store, *structures: str, **asked: Any) -> Card:
    """Make a card with the noisy probe known."""
    return make_card(store, KNOWN, structures, **asked)


def only(card: Card, structure: str) -> Cell:
    """Return a structure's cell in the one column of a card."""
    (column,) = card.columns
    cell = column.cell(structure)
    assert cell is not None
    return cell


def real(folder: Path, structures: tuple[str, ...], seeds: int = 1, **asked: Any) -> Store:
    """Run structures, a second each, into a store."""
    for structure in structures:
        for seed in range(seeds):
            done(folder, structure=structure, seed=seed, **{"trainer": "supervised", **asked})
    return Store(folder)


def ranked(where: Path, names: tuple[str, ...]) -> Store:
    """Return a store of runs of these layers, each better than the one before it."""
    store = Store(where)
    for place, name in enumerate(names):
        put(store, f"unet+{name}", {0: 0.9 - place / 20})
    return store
