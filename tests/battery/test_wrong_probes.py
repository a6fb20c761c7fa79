"""What is guarded: `check probe` and `certify` catch a leak of each kind, and say which."""

from __future__ import annotations

from pathlib import Path

import pytest
import wrong_probes as wrong

from probekit.authors.check import checks
from probekit.catalog.registry import Registry, registry
from probekit.evidence.certify import certify_probe
from probekit.plugin.components import Component
from probekit.storage.store import Store

BEST = "the best without the property is"
LEAKS: dict[type[wrong.Copy], tuple[str, str]] = {
    wrong.FaintConstant: ("resists-shortcuts", f"{BEST} one statistic of the item"),
    wrong.OnePixel: ("resists-shortcuts", f"{BEST} one position of the item"),
    wrong.CountParity: ("resists-shortcuts", f"{BEST} position and length"),
    wrong.PositionTells: ("resists-shortcuts", f"{BEST} position alone"),
    wrong.Alternating: ("resists-shortcuts", f"{BEST} number of the item"),
    wrong.Sorted: ("resists-shortcuts", f"{BEST} number of the item"),
    wrong.LengthTells: ("resists-shortcuts", f"{BEST} position and length"),
    wrong.Background: ("resists-shortcuts", f"{BEST} position and length"),
    wrong.TwoWindows: ("resists-shortcuts", f"{BEST} two positions of the item"),
    wrong.Hashed: ("resists-shortcuts", f"{BEST} checksum of the item"),
    wrong.TestIsTraining: ("splits-are-disjoint", "train and test share 256 inputs"),
    wrong.FewItems: ("training-items-are-distinct", "there are only 30 different inputs among 256"),
}
"""By wrong probe: the check that catches it, and its words."""


def register(probe: type[wrong.Copy]) -> Registry:
    return registry().with_components(Component("probe", "wrong", probe, ""))


def find_failures(probe: type[wrong.Copy]) -> dict[str, str]:
    """Return the reasons of the checks that fail, of those that look for leaks."""
    wanted = {check for check, _ in LEAKS.values()} | {"oracle-is-exact", "inputs-determine-targets"}
    found = [
        check.evaluate()
        for check in checks("probe", "wrong", registry=register(probe))
        if check.name in wanted
    ]
    return {finding.check: finding.reason for finding in found if finding.state == "fails"}


def test_the_honest_probe_passes() -> None:
    assert find_failures(wrong.Copy) == {}


@pytest.mark.parametrize("probe", LEAKS, ids=lambda probe: probe.__name__)
def test_check_catches_a_leak(probe: type[wrong.Copy]) -> None:
    name, words = LEAKS[probe]
    assert words in find_failures(probe)[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "probe",
    [wrong.Copy, wrong.TwoWindows, wrong.TestIsTraining, wrong.FewItems],
    ids=lambda probe: probe.__name__,
)
def test_certify_catches_a_leak(probe: type[wrong.Copy], tmp_path: Path) -> None:
    certificate = certify_probe("wrong", "smoke", register(probe), Store(tmp_path))
    failed = [check.name for check in certificate.checks if check.holds is False]
    assert bool(failed) == (probe is not wrong.Copy)
    assert set(failed) <= {"shortcuts", "distinct"}
