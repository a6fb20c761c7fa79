"""Assembling makes a card of what a store holds: it sorts, leaves out, counts seeds and compares."""

from __future__ import annotations

import importlib.metadata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from probekit.cards.beside import certificate_of, rejected_rates, stored_certificates
from probekit.cards.card import Card, Column, Line
from probekit.cards.cells import Stored, average, cell, scored
from probekit.cards.choose import of_one_code, of_one_probe, seeds
from probekit.cards.installed import question_now
from probekit.cards.names import CONTROL, Names
from probekit.cards.rebuild import rebuild
from probekit.cards.words import narrow, written
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError, StoreError, UsageError, reason
from probekit.evidence.certify import Certificate
from probekit.evidence.compare import ranks
from probekit.evidence.floor import Floor, ceiling, floor
from probekit.evidence.floor import controls as closed_form
from probekit.evidence.verdict import HAS, PARTLY
from probekit.interfaces import Metric, Probe
from probekit.plans.finite import finite
from probekit.plans.noise import noises_now
from probekit.storage.alike import asks_as
from probekit.storage.behaviour import Numbers
from probekit.storage.folder import WEIGHTS
from probekit.storage.result import Scores, place
from probekit.storage.store import Store

OTHER_SOURCE = (
    "All runs here are of other code of the probe than is installed; the foot says how to run them."
)
UNKNOWN_CODE = "These runs were made by probekit 0.1, which stored nothing by which to check their code."


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
    rejected = frozenset(rejected_rates(store, left_out))
    for folder, found in store.results():
        if isinstance(found, StoreError):
            left_out.append(f"{folder.path.name}: {found.found}")
        elif not any(used.kind == "probe" for used in found.plan.components):
            left_out.append(f"{folder.path.name}: it names no probe")
        elif found.plan.identity in rejected:
            left_out.append(f"{folder.path.name}: --tune tried its rate and chose another")
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
        several = found_all
        try:
            installed = question_now(names, found_all[0].plan.question[0])
            several = of_one_probe(found_all, installed, left_out)
            plan = several[0].plan
            probe = names.probe(plan.probe)
            certificate = certificate_of(several[0].result, certificates, names, left_out)
            made.append(column(several, probe, certificate, names, left_out, installed))
        except Exception as error:  # a plugin's code, asked about what a store holds, may raise anything
            said = f"{error.asked}: {error.found}" if isinstance(error, ProbekitError) else reason(error)
            left_out += [f"{one.folder.path.name}: {said}" for one in several]
    made = [one for one in made if one.cells]
    missing = tuple(names.check_typed([one.plan for several in questions.values() for one in several]))
    if not made:
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
        missing=missing,
        left_out=tuple(sorted(left_out)),
    )


def column(
    several: Sequence[Stored],
    probe: Probe,
    certificate: Certificate | None,
    names: Names,
    left_out: list[str],
    installed: Numbers | None,
) -> Column:
    """Return the column of runs that may be compared; installed: the numbers of the probe that is here."""
    plan = several[0].plan
    headline = probe.metrics[0]
    rows: dict[str, list[Stored]] = defaultdict(list)
    for one, label in zip(several, names.labels([one.plan for one in several]), strict=True):
        rows[label].append(one)
    by_seed = {}
    for label, found in rows.items():
        by_seed[label] = seeds(of_one_code(found, names, left_out), left_out)
    controls = {label: by_seed.pop(label) for label in rows if label.startswith(CONTROL)}
    counted = [one for found in by_seed.values() for one in found.values()]
    done = [one.result for one in counted if one.result.status == "done"]
    networks = networks_of(controls, certificate, probe)
    bounds = {metric.name: floor(done, metric, networks) for metric in probe.metrics}
    floors = {name: bound.value for name, bound in bounds.items()}
    best = ceiling(done)
    noises = (found.get(headline.name) for found in noises_now((r.plan for r in done), names.known))
    noise = next((found for found in noises if found is not None), None)
    at, first = probe.scales.get(plan.scale), several[0].result
    if at is not None and at.noise_question and first.behaviour.probe:
        noise = noise if asks_as(first, at.noise_question) else None  # of another probe it says nothing
    scores = {
        label: {seed: score for seed, one in found.items() if (score := scored(one, headline)) is not None}
        for label, found in by_seed.items()
    }
    decides = at is None or at.decides
    standing = ranks({label: found for label, found in scores.items() if found}, headline, noise, decides)
    thresholds = getattr(probe, "thresholds", (HAS, PARTLY))
    published = names.published(plan, probe)
    cells = []
    for label, seeded in by_seed.items():
        drawn = cell(label, seeded, probe, floors, thresholds, published, noise, decides)
        stands, difference = standing.get(label, ("", None))
        cells.append(drawn.model_copy(update={"standing": stands, "difference": difference}))
    cautions = []
    if not first.behaviour.probe:
        cautions.append(UNKNOWN_CODE)
    elif installed is not None and not asks_as(first, installed):
        cautions.append(OTHER_SOURCE)
    cautions += bounds[headline.name].cautions(f"floor of the {headline.name}")
    cautions += best.cautions(f"ceiling of the {headline.name}")
    budgeted = {one.structure: one.width for one in cells if one.width and one.budget_gap is not None}
    cautions += narrow(dict(sorted(budgeted.items())))
    about, scale_about = names.abouts(plan, probe)
    asked = names.typed_probe(plan) or min((written(one.plan.spec.probe) for one in several), key=len)
    return Column(
        title=f"{asked}, {plan.scale}",
        property=probe.property,
        about=about,
        probe=asked,
        resolved=plan.probe,
        version=plan.question[1],
        scale=plan.scale,
        scale_about=scale_about,
        decides=decides,
        metric=headline.name,
        metric_about=headline.about,
        better=headline.better,
        perfect=finite(headline.perfect),
        floor=floors[headline.name],
        ceiling=best.value,
        cautions=tuple(cautions),
        noise=noise,
        harder=getattr(probe, "harder", ""),
        tags=names.tags(plan),
        thresholds=thresholds,
        controls=tuple(lines(closed_form(done, headline.name), networks, headline, floors[headline.name])),
        certificate=certificate,
        cells=tuple(cells),
        rebuild=tuple(rebuild([one.plan for one in counted])),
    )


def column_of(several: Sequence[Stored], store: Store, known: Registry) -> Column:
    """Return the column of runs of one probe, source and scale, as they were just made."""
    names = Names(
        known, [one.plan.spec.structure for one in several], [one.plan.spec.probe for one in several]
    )
    result, left_out = several[0].result, list[str]()
    probe = names.probe(result.plan.probe)
    certificate = certificate_of(result, stored_certificates(store, left_out), names, left_out)
    return column(several, probe, certificate, names, left_out, result.behaviour.probe)


def networks_of(
    stored: Mapping[str, Mapping[int, Stored]], certificate: Certificate | None, probe: Probe
) -> dict[str, Scores]:
    """Return what controls that are networks score, by metric: those stored, else the certificate's."""
    found: dict[str, Scores] = dict(certificate.networks) if certificate else {}
    for label, seeded in stored.items():
        values = {
            metric.name: average(scored(one, metric) for one in seeded.values()) for metric in probe.metrics
        }
        if any(value is not None for value in values.values()):
            found[label.removeprefix(CONTROL)] = values
    return found


def lines(
    closed: Mapping[str, Floor], networks: Mapping[str, Scores], headline: Metric, floor: float | None
) -> Iterable[Line]:
    """Yield all controls that have a score, with their places."""
    values = {name: one.value for name, one in closed.items()}
    values |= {name: scores.get(headline.name) for name, scores in networks.items()}
    for name, value in values.items():
        at = place(value, floor, headline.perfect)
        if value is not None and at is not None:
            yield Line(name=name, mean=value, place=at)
