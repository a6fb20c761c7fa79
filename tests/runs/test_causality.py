"""What is guarded: a layer that sees later positions does not train in a causal structure."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_parts import mixing

from probekit.catalog.registry import registry
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.runs.run import run_job
from probekit.storage.store import Store


@pytest.mark.parametrize(
    ("layer", "status"),
    [
        ("Causal", "done"),
        ("Heedless", "failed"),
        ("Ahead", "failed"),
        ("Padded", "failed"),
        ("Swallowing", "failed"),
    ],
)
def test_a_causal_host_refuses_a_layer_that_looks_ahead(layer: str, status: str, tmp_path: Path) -> None:
    known = registry().with_components(Component("layer", "mine", getattr(mixing, layer), ""))
    probe = "parity(train=32,validation=8,test=8)"
    spec = make_spec(
        probe=probe, structure="plain(causal=true)+mine", scale="smoke", trainer="supervised(epochs=1)"
    )
    result = run_job(make_job(spec, known), known, device="cpu", store=Store(tmp_path)).result
    assert result.status == status
    if status == "failed":
        assert "positions see later ones" in str(result.error)
        assert 'check layer "mine(causal=true)"' in str(result.error)
