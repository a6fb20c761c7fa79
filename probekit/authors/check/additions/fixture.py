"""Prepares a metric, a scale or a control for checks, on the probe that it extends."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from probekit.authors.check.base import fail
from probekit.authors.check.probes.data import ProbeFixture
from probekit.catalog.part import find_part
from probekit.plans import limits
from probekit.plans.scale import copy_with, resolve_at_scale
from probekit.plugin.interfaces import Control, Metric, Probe, Scale

if TYPE_CHECKING:
    from torch.nn import Module

NEW_NAME = "Give it another name."


@dataclass(frozen=True, slots=True)
class AdditionFixture(ProbeFixture):
    """What extends a probe, at the smallest scale of this probe or at a chosen one."""

    @property
    def host(self) -> ProbeFixture:
        """The probe that it extends."""
        name = self.part.component.probe
        host = ProbeFixture(find_part("probe", name, self.registry), self.registry, name)
        return host.at_scale(self.chosen_scale) if self.chosen_scale else host

    @property
    def scale(self) -> str:
        """The name of the scale."""
        return self.host.scale

    @property
    def scales(self) -> Iterable[Self]:
        """The same at each scale of the probe."""
        return [self.at_scale(name) for name in self.host.part.target.scales]  # type: ignore[attr-defined]

    def at_scale(self, scale: str) -> Self:
        """Return the same at another scale, with few items of each split if the probe has such parameters."""
        return replace(self, chosen_scale=scale)


@dataclass(frozen=True, slots=True)
class MetricFixture(AdditionFixture):
    """A metric for a probe of another package."""

    @property
    def probe(self) -> Probe:
        """The probe, with this metric alone."""
        probe = self.host.probe
        return copy_with(probe, "metrics", (self.make_metric(probe),))

    def make_metric(self, probe: Probe) -> Metric:
        """Make the metric."""
        metric = self.part.make(probe)
        if not isinstance(metric, Metric):
            fail(f"it made a {type(metric).__name__}", "Return a probekit.Metric.")
        return metric

    def exercise(self) -> None:
        """Make the metric, and score a few targets."""
        probe = self.probe
        inputs, targets = self.items("test", limit=4)
        probe.metrics[0].score(targets, targets, inputs)


@dataclass(frozen=True, slots=True)
class ScaleFixture(AdditionFixture):
    """A scale for a probe of another package."""

    @property
    def probe(self) -> Probe:
        """The probe at this scale."""
        component = self.part.component
        _, source = resolve_at_scale(component.probe, component.long_name, self.registry)
        probe = limits.make_probe(source)
        limits.check_memory(f"scale {component.name}", limits.estimate_data(source, probe))
        return probe

    def make_scale(self) -> Scale:
        """Make the scale."""
        scale = self.part.make()
        if not isinstance(scale, Scale):
            fail(f"it made a {type(scale).__name__}", "Return a probekit.Scale.")
        return scale

    def exercise(self) -> None:
        """Make the scale."""
        self.make_scale()


@dataclass(frozen=True, slots=True)
class ControlFixture(AdditionFixture):
    """A control for a probe of another package."""

    @property
    def probe(self) -> Probe:
        """The probe, with this control in addition to its own."""
        probe = copy.copy(self.host.probe)
        original = probe.controls
        object.__setattr__(
            probe, "controls", lambda: {**original(), self.part.text: self.make_control(probe)}
        )
        return probe

    def make_control(self, probe: Probe | None = None) -> Control | Callable[..., Module]:
        """Make the control."""
        control: Control | Callable[..., Module] = self.part.make(self.host.probe if probe is None else probe)
        if not callable(control):
            fail(f"it made a {type(control).__name__}, which cannot be called", "Define __call__(inputs).")
        return control

    def make_solver(self, seed: int = 0) -> Any:
        """Return the control, ready to answer inputs: fitted on the training split, or a network.

        Args:
            seed: seeds the global random generators before it is made.
        """
        from torch import nn

        from probekit.runs.rng import seed_rng

        probe = self.host.probe
        seed_rng(seed)
        control: Any = self.make_control(probe)
        if hasattr(control, "fit"):
            control.fit(probe.data("train", 0))
            return control
        if isinstance(control, nn.Module):
            fail("it made a network", "Return a function (shape, *, width) that builds the network.")
        network = control(probe.shape, width=WIDTH)
        if not isinstance(network, nn.Module):
            hint = "Return a control with `fit`, or a function (shape, *, width) that builds a Module."
            fail(
                f"it has no method `fit`, and called with a shape it returns a {type(network).__name__}", hint
            )
        return network.eval()

    def exercise(self) -> None:
        """Make the control, and let it answer a few inputs."""
        inputs, _ = self.items("test", limit=4)
        self.make_solver()(inputs)


WIDTH = 4
"""The width of a control that is a network."""
