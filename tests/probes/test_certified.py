"""What is guarded: the certificates that come with the probes are of the probes that they come with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from small import NEEDS_PICTURES, planned

from probekit.cards.aggregate import StoredRun
from probekit.cards.judge import make_column_of_runs
from probekit.catalog.registry import registry
from probekit.evidence.certify import Certificate
from probekit.plans.job import make_job
from probekit.plans.scale import make_probe_at, resolve_at_scale
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.runs.fingerprint import observe_probe
from probekit.runs.first_steps import observe_training
from probekit.storage.behaviour import find_difference
from probekit.storage.equivalence import LOOSE_TOLERANCE
from probekit.storage.folder import Folder
from probekit.storage.result import Environment, Result
from probekit.storage.store import Store
from probekit_probes.noise import MEASURED
from probekit_probes.shipped_certificates import FOLDER, ShippedCertificates

PROBES = {
    "nonlocality": "window",
    "translation": "dense",
    "grouping": "pointwise",
    "recall": "window",
    "state-tracking": "window",
    "parity": "window",
    "parity-recall": "window",
    "multi-hop": "window",
    "selective-copying": "window",
    "fill": "window",
    "insideness": "window",
    "rotation": "convolution",
    "scenes(rung=1)": "window",
    "scenes(rung=2)": "window",
    "scenes(rung=3)": "window",
    "scenes(rung=4)": "window",
    "scenes(rung=5)": "window",
}
HOSTED = {"nonlocality": "unet", "translation": "lambda", "grouping": "lambda"}
KEPT = [*((probe, "quick") for probe in PROBES), ("nonlocality", "laptop")]
HERE = Environment(probekit="0", torch="2", python="3", device="cpu", threads=1)


def mark_photographs(cases: Iterable[tuple[str, ...]]) -> list[Any]:
    """Return the cases of a test, those of photographs with the mark that they need them."""
    return [
        pytest.param(*case, marks=NEEDS_PICTURES if case[0] == "scenes(rung=5)" else ()) for case in cases
    ]


def name_files(probe: str) -> str:
    """Return what the names of a probe's certificates start with: `scenes-4` of `scenes(rung=4)`."""
    return probe.replace("(rung=", "-").removesuffix(")")


def read_certificate(probe: str, scale: str) -> Certificate:
    """Return the certificate that comes with a probe."""
    return Certificate.model_validate(ShippedCertificates(probe, name_files(probe))[scale])


@pytest.mark.parametrize(("probe", "scale"), mark_photographs(KEPT))
def test_a_certificate_is_of_the_installed_probe_and_passed(probe: str, scale: str) -> None:
    found = read_certificate(probe, scale)
    _, source = resolve_at_scale(probe, scale, registry())
    made = source.make()
    now = observe_probe(source.target, source.text, made)
    assert find_difference(found.question, now, LOOSE_TOLERANCE) == "", (
        f"type probekit certify {probe} --scale {scale}, and keep what it finds"
    )
    assert made.certificates[scale] == ShippedCertificates(probe, name_files(probe))[scale]
    items = {"translation": 121, "rotation": 110}.get(probe, 10_000)
    assert (found.passed, found.items, found.version) == (True, items, made.version)
    assert PROBES[probe] in found.networks


@pytest.mark.parametrize("probe", mark_photographs((probe,) for probe in PROBES))
def test_the_controls_of_a_certificate_replay(probe: str) -> None:
    found = read_certificate(probe, "quick")
    controls = make_probe_at(probe, "quick", registry()).controls()
    assert found.first_steps
    for title, numbers in found.first_steps.items():
        name = f"control-{title.replace(' ', '-')}"
        known = registry().with_components(Component("structure", name, cast("Any", controls[title]), ""))
        job = make_job(make_spec(probe=probe, structure=name, scale="quick"), known)
        assert find_difference(numbers, observe_training(job, torch.device("cpu")), LOOSE_TOLERANCE) == ""


@pytest.mark.parametrize(("probe", "scale"), mark_photographs(KEPT))
def test_a_column_without_a_stored_certificate_has_the_one_that_came_with_the_probe(
    probe: str, scale: str, tmp_path: Path
) -> None:
    plan = planned(
        probe=probe,
        structure=HOSTED.get(probe, "average"),
        scale=scale,
        trainer="supervised",
    )
    result = Result(plan=plan, status="done", environment=HERE)
    column = make_column_of_runs([StoredRun(result, Folder(tmp_path))], Store(tmp_path), registry())
    assert column.certificate is not None
    assert [line.name for line in column.controls] == [] or PROBES[probe] in [
        line.name for line in column.controls
    ]
    assert column.floor is not None


def test_there_is_a_certificate_of_each_and_of_nothing_else() -> None:
    kept = sorted(f"{name_files(probe)}-{scale}" for probe, scale in KEPT)
    assert sorted(path.stem for path in FOLDER.iterdir()) == kept
    names = {probe: name_files(probe) for probe in PROBES}
    shipped = {probe: ShippedCertificates(probe, name) for probe, name in names.items()}
    assert sorted(f"{names[probe]}-{scale}" for probe in names for scale in shipped[probe]) == kept
    with pytest.raises(KeyError):
        ShippedCertificates("nonlocality")["paper"]
    assert list(ShippedCertificates("parity")) == ["quick"]
    with pytest.raises(KeyError):
        ShippedCertificates("parity")["recall-quick"]


def test_noise_is_of_the_installed_probes() -> None:
    for probe, scales in MEASURED.items():
        for scale, measurement in scales.items():
            if scale == "laptop":
                continue  # its items are drawn in the slow tests
            _, source = resolve_at_scale(probe, scale, registry())
            now = observe_probe(source.target, source.text, source.make())
            assert find_difference(measurement["question"], now, LOOSE_TOLERANCE) == "", (
                f"measure {probe} anew"
            )
