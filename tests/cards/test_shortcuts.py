"""What is guarded: cards take the floor from the shortcuts in a certificate, and say if there is none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from small import done

from probekit.battery.attack import SolverScore
from probekit.cards.certificates import score_certified_controls
from probekit.cards.notes import certificate_cautions
from probekit.evidence.bounds import find_floor
from probekit.evidence.certify import Certificate
from probekit.plugin.interfaces import Probe

LACKS = "It sees little."


def test_the_best_shortcut_that_counts_is_the_floor(tmp_path: Path) -> None:
    outcome = done(tmp_path)
    probe: Probe = outcome.job.probe
    metric = probe.metrics[0]
    own = outcome.result.floors[metric.name]
    assert own is not None
    shortcuts = (
        SolverScore(solver="window", lacks=LACKS, scores={metric.name: own / 2}),
        SolverScore(solver="bag", lacks=LACKS, scores={metric.name: own / 4}, legitimate="it has it"),
        SolverScore(solver="column", lacks=LACKS, not_applicable="no map"),
    )
    certificate = Certificate(probe="p", version=1, scale="smoke", items=1, checks=(), shortcuts=shortcuts)
    certified = score_certified_controls({}, certificate, probe)
    assert certified == {"window": {metric.name: own / 2}}
    assert find_floor([outcome.result], metric, certified).value == own / 2
    assert find_floor([outcome.result], metric, score_certified_controls({}, None, probe)).value == own


def test_a_probe_without_a_certificate_is_named() -> None:
    def list_cautions(**changes: Any) -> list[str]:
        column = SimpleNamespace(certificate=None, decides=True, probe="p(a=1)", scale="quick")
        column.__dict__.update(changes)
        return list(certificate_cautions(cast("Any", column)))

    assert "Type probekit certify 'p(a=1)' --scale quick." in list_cautions()[0]
    assert list_cautions(decides=False) == list_cautions(certificate="one") == []
