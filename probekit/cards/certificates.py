"""Certificates and controls that a card has in addition to runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from math import sqrt
from statistics import stdev

from pydantic import ValidationError

from probekit.cards.aggregate import StoredRun, mean_or_none, score_of
from probekit.cards.card import ControlScore
from probekit.cards.installed import observe_installed_probe
from probekit.cards.names import CONTROL_PREFIX, Names
from probekit.evidence.bounds import Bound
from probekit.evidence.certify import CERTIFICATE, Certificate
from probekit.evidence.control_checks import CONTROL_SEEDS
from probekit.evidence.estimate_runs import list_scores
from probekit.plans.rerun_commands import certify_command
from probekit.plugin.errors import StoreError
from probekit.plugin.interfaces import Metric, Probe
from probekit.storage.equivalence import matches_probe
from probekit.storage.folder import Folder
from probekit.storage.result import Result, Scores, normalize_score
from probekit.storage.store import Store


def stored_certificates(store: Store, left_out: list[str]) -> Iterator[tuple[str, Certificate]]:
    """Yield the store's certificates, each with its folder's name."""
    for path in sorted(store.root.glob("certificate-*")):
        if not os.path.lexists(path / CERTIFICATE):
            continue
        try:
            yield path.name, Certificate.model_validate(Folder(path).read_json(CERTIFICATE))
        except (StoreError, ValidationError) as error:
            message = error.problem if isinstance(error, StoreError) else "it is not a complete certificate"
            left_out.append(f"{path.name}: {message}; `probekit certify` makes a new one")


def certificate_of(
    result: Result, certificates: Iterable[tuple[str, Certificate]], names: Names, left_out: list[str]
) -> Certificate | None:
    """Return the certificate of a run's probe.

    A stored one is preferred to the one shipped with the probe. One of a probe that behaves differently is
    left out. Nothing is known about runs of probekit 0.1; they get the certificate of the installed probe.
    """
    plan = result.plan
    question = result.behaviour.probe or observe_installed_probe(names, plan.column_key[0])
    shipped = names.shipped_certificate(plan)
    chosen = shipped if shipped is not None and matches_probe(shipped.question, question) else None
    for name, certificate in certificates:
        if not names.is_certificate_of(certificate, plan):
            continue
        if matches_probe(certificate.question, question):
            chosen = certificate
        else:
            which = "another probe" if certificate.question else "an unknown probe"
            command = certify_command(certificate.probe, certificate.scale)
            left_out.append(f"{name}: it is for {which} of that name; `{command}` makes a new one")
    return chosen


def list_controls(
    closed: Mapping[str, Bound], networks: Mapping[str, Scores], headline: Metric, floor: float | None
) -> Iterator[ControlScore]:
    """Yield each control that has a score, with its normalised score."""
    values = {name: bound.value for name, bound in closed.items()}
    values |= {name: scores.get(headline.name) for name, scores in networks.items()}
    for name, value in values.items():
        normalized = normalize_score(value, floor, headline.perfect)
        if value is not None and normalized is not None:
            yield ControlScore(name=name, mean=value, place=normalized)


def score_certified_controls(
    stored: Mapping[str, Mapping[int, StoredRun]], certificate: Certificate | None, probe: Probe
) -> dict[str, Scores]:
    """Return scores of the controls that no run fits itself.

    Those that are networks are taken from stored runs, else from the certificate; the best shortcuts that the
    battery found are taken from the certificate.
    """
    scores: dict[str, Scores] = certificate.list_controls(probe.metrics) if certificate else {}
    for label, seeds in stored.items():
        values = {
            metric.name: mean_or_none(score_of(run, metric) for run in seeds.values())
            for metric in probe.metrics
        }
        if any(value is not None for value in values.values()):
            scores[label.removeprefix(CONTROL_PREFIX)] = values
    return scores


def find_control_errors(
    stored: Mapping[str, Mapping[int, StoredRun]], certificate: Certificate | None, probe: Probe
) -> dict[str, Scores]:
    """Return the standard errors over seeds of the controls that are trained networks."""
    errors: dict[str, Scores] = {}
    if certificate is not None:  # it trains each of them with three seeds
        errors = {
            name: {
                metric: deviation / sqrt(CONTROL_SEEDS) for metric, deviation in spread.items() if deviation
            }
            for name, spread in certificate.spreads.items()
        }
    for label, seeds in stored.items():
        results = [run.result for run in seeds.values()]
        errors[label.removeprefix(CONTROL_PREFIX)] = {
            metric.name: stdev(scores) / sqrt(len(scores))
            for metric in probe.metrics
            if len(scores := list_scores(results, metric)) > 1
        }
    return errors
