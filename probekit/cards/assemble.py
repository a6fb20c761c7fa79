"""Assembling makes a card of what a store holds: it sorts, leaves out, counts seeds and compares."""

from __future__ import annotations

import importlib.metadata
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pydantic import ValidationError

from probekit.cards.card import THRESHOLDS, Card, Column, Line
from probekit.cards.cells import Stored, cell, score, scored
from probekit.cards.choose import Code, asking, of_one_code, of_one_probe, seeds
from probekit.cards.names import CONTROL, Names
from probekit.cards.rebuild import certifying, rebuild
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError, StoreError, UsageError
from probekit.evidence.certify import CERTIFICATE, Certificate
from probekit.evidence.compare import ranks
from probekit.evidence.floor import ceiling, floor
from probekit.evidence.floor import controls as closed_form
from probekit.finite import finite
from probekit.interfaces import Metric, Probe
from probekit.plans.noise import noise_now
from probekit.plans.plan import Plan
from probekit.storage.folder import WEIGHTS, Folder
from probekit.storage.store import Store

OTHER_SOURCE = (
    "All runs here are of another source of the probe than is installed; the foot says how to run them."
)


def make_card(
    store: Store,
    known: Registry,
    structures: Sequence[str] = (),
    probes: Sequence[str] = (),
    scale: str | None = None,
    command: str = "probekit card",
) -> Card:
    """Make the card of these structures and probes, of all that the store holds where none are named.

    Raises UsageError where the store holds nothing of the kind, StoreError where what it holds is left out.
    """
    names = Names(known, structures, probes)
    left_out: list[str] = []
    questions: dict[tuple[str, str, str], list[Stored]] = defaultdict(list)
    for folder, found in store.results():
        if isinstance(found, StoreError):
            left_out.append(f"{folder.path.name}: {found.found}")
        elif not any(used.kind == "probe" for used in found.plan.components):
            left_out.append(f"{folder.path.name}: it names no probe")
        elif names.wanted(found.plan, scale):
            try:
                folder.check_files(found, but=WEIGHTS)
            except StoreError as error:
                left_out.append(f"{folder.path.name}: {error.found}")
            else:
                questions[found.plan.question].append(Stored(found, folder))
    certificates = list(stored_certificates(store, left_out))
    made = []
    for _, found_all in sorted(questions.items()):
        installed = names.asking_now(found_all[0].plan.question[0])
        several = of_one_probe(found_all, installed, left_out)
        plan = several[0].plan
        try:
            probe = names.probe(plan.probe)
            certificate = certificate_of(plan, certificates, names, left_out)
            made.append(column(several, probe, certificate, names, left_out, installed))
        except ProbekitError as error:
            left_out += [f"{one.folder.path.name}: {error.asked}: {error.found}" for one in several]
    made = [one for one in made if one.cells]
    if not made:
        names.check_typed()
        asked = f"a card from {store.root}"
        hint = "Type `probekit run PROBE -s STRUCTURE` first, or `probekit card ... --run`."
        if left_out:
            raise StoreError(asked, f"it holds no such run ({len(left_out)} left out: {left_out[0]})", hint)
        raise UsageError(asked, "it holds no such run", hint)
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
    installed: Code | None,
) -> Column:
    """Return the column of runs that may be compared; installed: what stands for the probe's code here."""
    plan = several[0].plan
    headline = probe.metrics[0]
    rows: dict[str, list[Stored]] = defaultdict(list)
    for one, label in zip(several, names.labels([one.plan for one in several]), strict=True):
        rows[label].append(one)
    by_seed = {}
    for label, found in rows.items():
        by_seed[label] = seeds(of_one_code(found, names, probe.structure, left_out), left_out)
    controls = {label: by_seed.pop(label) for label in rows if label.startswith(CONTROL)}
    counted = [one for found in by_seed.values() for one in found.values()]
    done = [one.result for one in counted if one.result.status == "done"]
    bounds = {metric.name: floor(done, metric.name) for metric in probe.metrics}
    floors = {name: bound.value for name, bound in bounds.items()}
    best = ceiling(done)
    noises = (noise_now(r.plan, names.known).get(headline.name) for r in done)
    noise = next((found for found in noises if found is not None), None)
    scores = {
        label: {seed: score for seed, one in found.items() if (score := scored(one, headline)) is not None}
        for label, found in by_seed.items()
    }
    standing = ranks({label: found for label, found in scores.items() if found}, headline, noise)
    thresholds = getattr(probe, "thresholds", THRESHOLDS)
    published = names.published(plan, probe)
    cells = []
    for label, seeded in by_seed.items():
        drawn = cell(label, seeded, probe, floors, thresholds, published)
        stands, difference = standing.get(label, ("", None))
        cells.append(drawn.model_copy(update={"standing": stands, "difference": difference}))
    cautions = [] if installed in (None, asking(plan)) else [OTHER_SOURCE]
    cautions += bounds[headline.name].cautions(f"floor of the {headline.name}")
    cautions += best.cautions(f"ceiling of the {headline.name}")
    about, scale_about = names.abouts(plan, probe)
    asked = names.typed_probe(plan) or min((one.plan.spec.probe for one in several), key=len)
    return Column(
        title=f"{asked}, {plan.scale}",
        property=probe.property,
        about=about,
        probe=asked,
        resolved=plan.probe,
        version=plan.question[1],
        source=plan.asker.code,
        scale=plan.scale,
        scale_about=scale_about,
        metric=headline.name,
        metric_about=headline.about,
        better=headline.better,
        perfect=finite(headline.perfect),
        floors={name: one.value for name, one in closed_form(done, headline.name).items()},
        floor=floors[headline.name],
        ceiling=best.value,
        cautions=tuple(cautions),
        noise=noise,
        thresholds=thresholds,
        controls=tuple(lines(controls, headline, floors[headline.name])),
        certificate=certificate,
        cells=tuple(cells),
        rebuild=tuple(rebuild([one.plan for one in counted])),
    )


def lines(controls: dict[str, dict[int, Stored]], headline: Metric, floor: float | None) -> Iterable[Line]:
    """Yield the stored controls that are networks; the best of the closed-form ones is the floor itself."""
    for label, found in sorted(controls.items()):
        values = [value for one in found.values() if (value := scored(one, headline)) is not None]
        placed = score(headline, values, None, floor)
        if placed.mean is not None and placed.place is not None:
            yield Line(name=label.removeprefix(CONTROL), mean=placed.mean, place=placed.place)


def stored_certificates(store: Store, left_out: list[str]) -> Iterator[tuple[str, Certificate]]:
    """Yield the store's certificates, each with its folder's name."""
    for path in sorted(store.root.glob("certificate-*")):
        if not os.path.lexists(path / CERTIFICATE):
            continue
        try:
            yield path.name, Certificate.model_validate(Folder(path).read_json(CERTIFICATE))
        except (StoreError, ValidationError) as error:
            found = error.found if isinstance(error, StoreError) else "it is no whole certificate"
            left_out.append(f"{path.name}: {found}; `probekit certify` makes it anew")


def certificate_of(
    plan: Plan, certificates: Iterable[tuple[str, Certificate]], names: Names, left_out: list[str]
) -> Certificate | None:
    """Return the certificate of a column's probe; one of another source of it is left out."""
    kept = None
    for name, one in certificates:
        if not names.certifies(one, plan):
            continue
        if one.source == plan.asker.code:
            kept = one
        else:
            which = "an unknown" if one.source is None else "another"
            again = certifying(one.probe, one.scale)
            left_out.append(f"{name}: it is of {which} source of the probe; `{again}` makes it anew")
    return kept
