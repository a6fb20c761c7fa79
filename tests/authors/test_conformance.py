"""What is guarded: every built-in component keeps every promise of its kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from probekit.authors.check import CHECKS_BY_KIND, Check, checks
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import registry

LONG = frozenset(
    {
        "compiles",
        "fabric",
        "fabric-optimised",
        "same-weights-in-another-process",
        "same-data-in-another-process",
        "same-seed-gives-same-data",
    }
)
ELSEWHERE = frozenset({"pretrained", "ray", "slurm"})
"""What needs pictures or a cluster, and is held to its promises in tests/plugins/."""


def built_in() -> Iterator[Any]:
    """Yield every check of every component of our own distribution."""
    known = registry()
    for component in known.components():
        owner = known.find_plugin(component)
        if component.name in ELSEWHERE:
            continue
        if component.kind in CHECKS_BY_KIND and owner is not None and owner.distribution == DISTRIBUTION:
            for check in checks(component.kind, component.long_name):
                marks = [pytest.mark.slow] if LONG.intersection({check.name, component.name}) else []
                if check.name.endswith("in-another-process"):  # two processes for each component
                    marks = [pytest.mark.stress]
                yield pytest.param(check, id=f"{component.kind}-{component.name}-{check}", marks=marks)


@pytest.mark.parametrize("check", list(built_in()))
def test_a_built_in_component_keeps_its_promise(check: Check) -> None:
    check()
