"""Controls on a card: their scores, from runs or from the certificate, and the normalised scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from probekit.cards.card import Line
from probekit.cards.cells import Stored, mean_or_none, score_of
from probekit.cards.names import CONTROL_PREFIX
from probekit.evidence.certify import Certificate
from probekit.evidence.floor import Bound
from probekit.interfaces import Metric, Probe
from probekit.storage.result import Scores, place


def score_network_controls(
    stored: Mapping[str, Mapping[int, Stored]], certificate: Certificate | None, probe: Probe
) -> dict[str, Scores]:
    """Return scores of the controls that are networks: from stored runs, else from the certificate."""
    scores: dict[str, Scores] = dict(certificate.networks) if certificate else {}
    for label, seeds in stored.items():
        values = {
            metric.name: mean_or_none(score_of(run, metric) for run in seeds.values())
            for metric in probe.metrics
        }
        if any(value is not None for value in values.values()):
            scores[label.removeprefix(CONTROL_PREFIX)] = values
    return scores


def list_controls(
    closed: Mapping[str, Bound], networks: Mapping[str, Scores], headline: Metric, floor: float | None
) -> Iterator[Line]:
    """Yield each control that has a score, with its normalised score."""
    values = {name: bound.value for name, bound in closed.items()}
    values |= {name: scores.get(headline.name) for name, scores in networks.items()}
    for name, value in values.items():
        normalized = place(value, floor, headline.perfect)
        if value is not None and normalized is not None:
            yield Line(name=name, mean=value, place=normalized)
