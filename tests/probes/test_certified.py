"""What is guarded: the certificates that come with the probes are of the probes that they come with."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import planned

from probekit.cards.assemble import column_of
from probekit.cards.cells import Stored
from probekit.catalog.registry import registry
from probekit.evidence.certify import Certificate
from probekit.storage.folder import Folder
from probekit.storage.result import Environment, Result
from probekit.storage.store import Store
from probekit_probes.certified import FOLDER, Certified

PROBES = {
    "nonlocality": "window",
    "translation": "dense",
    "grouping": "pointwise",
    "recall": "window",
    "state-tracking": "window",
    "parity": "window",
    "multi-hop": "window",
    "selective-copying": "window",
    "fill": "window",
    "insideness": "window",
    "rotation": "convolution",
}
HOSTED = {"nonlocality": "unet", "translation": "lambda", "grouping": "lambda"}
KEPT = [*((probe, "quick") for probe in PROBES), ("nonlocality", "laptop")]
HERE = Environment(probekit="0", torch="2", python="3", device="cpu", threads=1)


@pytest.mark.parametrize(("probe", "scale"), KEPT)
def test_a_certificate_is_of_the_source_that_is_installed_and_passed(probe: str, scale: str) -> None:
    found = Certificate.model_validate(Certified(probe)[scale])
    plan = planned(
        probe=probe,
        structure=HOSTED.get(probe, "average"),
        scale=scale,
        trainer="supervised",
    )
    assert found.source == plan.asker.code, (
        f"type probekit certify {probe} --scale {scale}, and keep what it finds"
    )
    assert (found.passed, found.items, str(found.version)) == (
        True,
        {"translation": 121, "rotation": 110}.get(probe, 10_000),
        plan.question[1],
    )
    assert PROBES[probe] in found.networks


@pytest.mark.parametrize(("probe", "scale"), KEPT)
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
    column = column_of([Stored(result, Folder(tmp_path))], Store(tmp_path), registry())
    assert column.certificate is not None
    assert [line.name for line in column.controls] == [] or PROBES[probe] in [
        line.name for line in column.controls
    ]
    assert column.floor is not None


def test_there_is_a_certificate_of_each_and_of_nothing_else() -> None:
    kept = sorted(f"{probe}-{scale}" for probe, scale in KEPT)
    assert sorted(path.stem for path in FOLDER.iterdir()) == kept
    assert sorted(f"{probe}-{scale}" for probe in PROBES for scale in Certified(probe)) == kept
    with pytest.raises(KeyError):
        Certified("nonlocality")["paper"]
