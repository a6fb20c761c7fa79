"""Prepares an observer for checks: it observes real runs of a second, and nothing else observes them."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.authors.check.fixture import Fixture, copy_unobserved
from probekit.authors.check.shift import ShiftProbe
from probekit.cards.judge import judge_run
from probekit.catalog.registry import Registry
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.plugin.declarations import Scale, Shape
from probekit.runs.run import Outcome, run_job
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import nn


PROBE, NETWORK, BROKEN = "check-shift", "check-network", "check-broken"
"""Names of the kit's components in these runs."""


class SmallShift(ShiftProbe):
    """The kit's probe, small enough for a run of a second."""

    scales: Mapping[str, Scale] = {"smoke": Scale("a second", {}, {"epochs": 2, "batch": 16}, width=4)}

    def __init__(self) -> None:
        super().__init__(Shape(1, 1, (8,)), NETWORK)


def build_network(shape: Shape) -> nn.Module:
    """Build a network that moves its input, as the probe wants."""
    from torch import nn

    return nn.Conv1d(shape.inputs, shape.outputs, 3, padding=1)


def build_broken(shape: Shape) -> nn.Module:
    """Build a network whose outputs have the wrong shape, so that its run fails."""
    from torch import nn

    return nn.Conv1d(shape.inputs, shape.outputs + 1, 1)


@dataclass(frozen=True, slots=True)
class ObserverFixture(Fixture):
    """An observer with its parameters."""

    def exercise(self) -> None:
        """Make the observer in an empty folder."""
        with self.open_folder():
            self.attach(self.make_registry())

    def make_registry(self) -> Registry:
        """Return a registry with the kit's components, which nothing observes."""
        registry = copy_unobserved(self.registry).with_components(
            Component("probe", PROBE, SmallShift, "for checks"),
            Component("structure", NETWORK, build_network, "for checks"),
            Component("structure", BROKEN, build_broken, "for checks"),
        )
        registry.judge = partial(judge_run, registry)
        return registry

    def attach(self, registry: Registry) -> None:
        """Let a new observer observe the runs of a registry."""
        registry.attach_observer(self.part.text, self.part.make())

    @contextlib.contextmanager
    def open_folder(self) -> Iterator[Path]:
        """Work in an empty folder, where the observer may write."""
        with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(temporary):
            yield Path(temporary)


def carry_out(registry: Registry, folder: Path, *, seed: int = 0, structure: str = NETWORK) -> Outcome:
    """Carry out a run of a second, in a store in this folder; each time anew."""
    spec = make_spec(probe=PROBE, structure=structure, scale="smoke", seed=seed)
    job = make_job(spec, registry)
    return run_job(job, registry, device="cpu", store=Store(folder / "store"), force=True)
