"""What is guarded: every number that a built-in component takes states its range, which is refused beyond."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from small import call, job

from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.ranges import Range
from probekit.catalog.registry import registry
from probekit.catalog.signature import HOST_ARGUMENTS, describe_parameters, read_ranges
from probekit.plugin.components import Component
from probekit.schedule.parallel import make_executor

WITH: Mapping[tuple[str, str], str] = {
    ("nonlocality", "size"): "rectangles=2,gap=1,",
    ("nonlocality", "height"): "rectangles=2,gap=1,",
    ("nonlocality", "width"): "rectangles=2,gap=1,",
    ("nonlocality", "colours"): "rectangles=2,",
    ("nonlocality", "rectangles"): "size=64,",
    ("grouping", "size"): "paired=false,iid_mask=true,",
    ("grouping", "colours"): "paired=false,iid_mask=true,",
    ("translation", "size"): "square=1,",
    ("pe", "frequencies"): "bands=1,",
    ("scenes", "fewest"): "objects=5,",
}
"""What makes room for the ends of a parameter, where another one forbids them."""

HOSTED = {"scenes": "plain+average"}
"""Structures of probes whose own host does not take the least of their sizes; any other takes `average`."""

EXTRAS = {
    "fabric": "lightning_fabric",
    "fabric-optimised": "lightning_fabric",
    "ray": "ray",
    "slurm": "submitit",
    "scenes": "skimage",
}
"""What cannot be planned without a library that the tests' extra leaves out."""

FOLDER = "pretrained"
"""What cannot be planned without a folder: tests/plugins/test_pretrained.py has one."""


def built_in() -> Iterator[Component]:
    known = registry()
    for component in known.components():
        owner = known.find_plugin(component)
        if owner is not None and owner.distribution == DISTRIBUTION:
            yield component


def ends(beyond: bool) -> Iterator[Any]:
    """Yield each end of each range, or what lies beyond it."""
    for component in built_in():
        if component.name == FOLDER and not beyond:
            continue
        for name, within in read_ranges(
            registry().load_target(component), HOST_ARGUMENTS[component.kind]
        ).items():
            for value in within.outside_neighbors() if beyond else within.included_ends():
                yield pytest.param(component, name, value, within, id=f"{component.name}({name}={value})")


def asked(component: Component, given: str) -> dict[str, str]:
    """Return a run of a component with what is given."""
    text = f"{component.name}({given})"
    host = {"layer": "unet+", "encoding": "unet+lambda+", "structure": ""}
    words = {"probe": "nonlocality", "structure": "unet", "trainer": "supervised", "scale": "smoke"}
    if component.kind in host:
        return {**words, "structure": host[component.kind] + text}
    if component.kind == "probe":
        return {**words, "probe": text, "structure": HOSTED.get(component.name, "average")}
    if component.kind == "optimiser":
        return {**words, "trainer": f"optimised(optimiser='{text}')"}
    return {**words, component.kind: text}


def test_every_number_states_its_range() -> None:
    silent = [
        f"{component.name}: {one.name}"
        for component in built_in()
        for one in describe_parameters(registry().load_target(component), HOST_ARGUMENTS[component.kind])
        if re.search(r"\b(int|float)\b", one.type) and not one.range
    ]
    assert silent == []
    assert len(list(ends(beyond=True))) > 40


@pytest.mark.parametrize(("component", "name", "value", "within"), list(ends(beyond=True)))
def test_a_number_beyond_is_refused_in_a_sentence(
    component: Component, name: str, value: float, within: Range, capsys: pytest.CaptureFixture[str]
) -> None:
    run = asked(component, f"{WITH.get((component.name, name), '')}{name}={value}")
    words = [run["probe"], "-s", run["structure"], "--trainer", run["trainer"], "--scale", run["scale"]]
    words += ["--executor", run["executor"]] if "executor" in run else []
    code, out, err = call(capsys, "run", *words, "--dry-run")
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"probekit: {component.kind} '{component.name}' with {name}=")
    assert line.endswith(f", {within}.")


@pytest.mark.parametrize(("component", "name", "value", "within"), list(ends(beyond=False)))
def test_a_number_at_the_end_of_its_range_can_be_planned(
    component: Component, name: str, value: float, within: Range
) -> None:
    if component.name in EXTRAS:
        pytest.importorskip(EXTRAS[component.name])
    run = asked(component, f"{WITH.get((component.name, name), '')}{name}={value}")
    if component.kind == "executor":
        assert make_executor(run["executor"], registry()) is not None
        return
    assert job(**run).plan.parameters > 0
