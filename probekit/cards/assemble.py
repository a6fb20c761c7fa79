"""Assembling makes a card of what a store holds: it sorts, leaves out, counts seeds and compares."""

from __future__ import annotations

import importlib.metadata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from probekit.cards.card import THRESHOLDS, Card, Column, Line
from probekit.cards.cells import Stored, average, cell, score, scored
from probekit.cards.names import CONTROL, Names
from probekit.cards.rebuild import rebuild
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError, StoreError, UsageError
from probekit.evidence.certify import Certificate
from probekit.evidence.compare import ranks
from probekit.interfaces import Metric, Probe
from probekit.plans.noise import noise_now
from probekit.storage.store import Store

CERTIFICATE = "certificate.json"


def make_card(
    store: Store,
    known: Registry,
    structures: Sequence[str] = (),
    probes: Sequence[str] = (),
    scale: str | None = None,
    command: str = "probekit card",
) -> Card:
    """Make the card of these structures and probes, of all that the store holds where none are named.

    Raises UsageError where the store holds nothing of the kind.
    """
    names = Names(known, structures, probes)
    left_out: list[str] = []
    columns: dict[tuple[str, str, str], list[Stored]] = defaultdict(list)
    for folder, found in store.results():
        if isinstance(found, StoreError):
            left_out.append(f"{folder.path.name}: {found.found}")
        elif not any(used.kind == "probe" for used in found.plan.components):
            left_out.append(f"{folder.path.name}: it names no probe")
        elif names.wanted(found.plan, scale):
            columns[found.plan.comparable].append(Stored(found, folder))
    certificates = list(stored_certificates(store, left_out))
    made = []
    for _, several in sorted(columns.items()):
        try:
            probe, certificate = names.probe(several[0].plan.probe), None
            certificate = next((c for c in certificates if names.certifies(c, several[0].plan)), None)
            made.append(column(several, probe, certificate, names, left_out))
        except ProbekitError as error:
            left_out += [f"{one.folder.path.name}: {error.asked}: {error.found}" for one in several]
    made = [one for one in made if one.cells]
    if not made:
        raise UsageError(
            f"a card from {store.root}",
            "it holds no such run" + (f" ({len(left_out)} left out: {left_out[0]})" if left_out else ""),
            "Type `probekit run PROBE -s STRUCTURE` first, or `probekit card ... --run`.",
        )
    ordered = names.order(made)
    places = {name: place for place, name in enumerate(ordered)}
    made = [
        one.model_copy(update={"cells": tuple(sorted(one.cells, key=lambda cell: places[cell.structure]))})
        for one in made
    ]
    return Card(
        probekit=importlib.metadata.version("probekit-nn"),
        command=command,
        structures=ordered,
        columns=tuple(made),
        left_out=tuple(sorted(left_out)),
    )


def column(
    several: Sequence[Stored],
    probe: Probe,
    certificate: Certificate | None,
    names: Names,
    left_out: list[str],
) -> Column:
    """Return the column of runs that may be compared."""
    plan = several[0].plan
    headline = probe.metrics[0]
    done = [one.result for one in several if one.result.status == "done"]
    floors = {metric.name: average(r.floors.get(metric.name) for r in done) for metric in probe.metrics}
    rows: dict[str, list[Stored]] = defaultdict(list)
    controls: dict[str, list[Stored]] = defaultdict(list)
    labels = names.labels([one.plan for one in several])
    for one, label in zip(several, labels, strict=True):
        (controls if label.startswith(CONTROL) else rows)[label].append(one)
    noises = (noise_now(r.plan, names.known).get(headline.name) for r in done)
    noise = next((found for found in noises if found is not None), None)
    by_seed = {label: seeds(found, left_out) for label, found in rows.items()}
    scores = {
        label: {seed: score for seed, one in found.items() if (score := scored(one, headline)) is not None}
        for label, found in by_seed.items()
    }
    standing = ranks({label: found for label, found in scores.items() if found}, headline, noise)
    thresholds = getattr(probe, "thresholds", THRESHOLDS)
    published = names.published(plan, probe)
    cells = []
    for label, found in by_seed.items():
        drawn = cell(label, found, probe, floors, thresholds, published)
        stands, difference = standing.get(label, ("", None))
        cells.append(drawn.model_copy(update={"standing": stands, "difference": difference}))
    about, scale_about = names.abouts(plan, probe)
    asked = names.typed_probe(plan) or min((one.plan.spec.probe for one in several), key=len)
    return Column(
        title=f"{asked}, {plan.scale}",
        property=probe.property,
        about=about,
        probe=asked,
        resolved=plan.probe,
        version=plan.comparable[1],
        scale=plan.scale,
        scale_about=scale_about,
        metric=headline.name,
        metric_about=headline.about,
        better=headline.better,
        perfect=headline.perfect,
        floors={
            name: average(r.controls.get(name, {}).get(headline.name) for r in done)
            for name in dict.fromkeys(name for r in done for name in r.controls)
        },
        floor=floors[headline.name],
        ceiling=average(r.ceiling for r in done),
        noise=noise,
        thresholds=thresholds,
        controls=tuple(lines(controls, headline, floors[headline.name])),
        certificate=certificate,
        cells=tuple(cells),
        rebuild=tuple(rebuild([one.plan for found in by_seed.values() for one in found.values()])),
    )


def seeds(found: Iterable[Stored], left_out: list[str]) -> dict[int, Stored]:
    """Return the runs by seed; of two of one seed, made from different sources, the newest."""
    kept: dict[int, Stored] = {}
    for one in sorted(found, key=lambda one: one.made):
        if (older := kept.get(one.plan.seed)) is not None:
            left_out.append(f"{older.folder.path.name}: {one.folder.path.name} is newer, from other sources")
        kept[one.plan.seed] = one
    return dict(sorted(kept.items()))


def lines(controls: dict[str, list[Stored]], headline: Metric, floor: float | None) -> Iterable[Line]:
    """Yield the stored controls that are networks; the best of the closed-form ones is the floor itself."""
    for label, found in sorted(controls.items()):
        values = [value for one in found if (value := scored(one, headline)) is not None]
        placed = score(headline, values, None, floor)
        if placed.mean is not None and placed.place is not None:
            yield Line(name=label.removeprefix(CONTROL), mean=placed.mean, place=placed.place)


def stored_certificates(store: Store, left_out: list[str]) -> Iterable[Certificate]:
    """Yield the store's certificates."""
    for path in sorted(store.root.glob(f"certificate-*/{CERTIFICATE}")):
        try:
            yield Certificate.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            left_out.append(f"{path.parent.name}: it is not a whole certificate ({type(error).__name__})")
