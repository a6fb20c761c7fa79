"""A job is a plan with its components, ready to run: each name is looked up once, here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from probekit.catalog.expression import Expression, resolve_expression
from probekit.catalog.files import FILE_PLUGIN
from probekit.catalog.hosting import get_dimensions, list_trainer_parts
from probekit.catalog.identity.releases import pinned_versions
from probekit.catalog.isolation import Isolation
from probekit.catalog.part import Part
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.plans import limits
from probekit.plans.budget import count_parameters, resolve_width
from probekit.plans.noise import find_noise
from probekit.plans.origin import record_origin
from probekit.plans.plan import Plan, UsedComponent
from probekit.plans.scale import (
    add_metrics,
    add_scale,
    find_added_scale,
    find_addition,
    list_fitting_probes,
    resolve_at_scale,
    resolve_trainer,
)
from probekit.plans.spec import RunSpec
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.interfaces import Probe


@dataclass(frozen=True, slots=True)
class Job:
    """A plan with the components that carry it out.

    Attributes:
        plan: The plan.
        source: The part that `probe` was made from.
        probe: The probe.
        expression: The structure.
        trainer: The part that trainers are made from.
        additions: The scale and the metrics that plugins add to the probe.
        put_back: What the components changed in the process during planning, and probekit restored.
    """

    plan: Plan
    source: Part
    probe: Probe
    expression: Expression
    trainer: Part
    additions: tuple[Part, ...] = ()
    put_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts, in the order of the plan's components."""
        return self.source, *self.expression.parts, *list_trainer_parts(self.trainer), *self.additions

    @property
    def scored_probe(self) -> Probe:
        """The probe with the metrics that plugins add to it; `probe` decides whether runs are comparable."""
        return add_metrics(self.probe, (part for part in self.additions if part.component.kind == "metric"))

    @property
    def name(self) -> str:
        """The run in words."""
        spec = self.plan.spec
        return f"{spec.structure} on {spec.probe}, seed {spec.seed}"

    def with_seed(self, seed: int) -> Job:
        """Return the same job with another seed."""
        spec = self.plan.spec.model_copy(update={"seed": seed})
        return replace(self, plan=self.plan.model_copy(update={"spec": spec, "seed": seed}))

    def suggest_checks(self) -> str:
        """Return which third-party components the user may check, and how; "" if there are none."""
        return " ".join(self._list_checks())

    def _list_checks(self) -> Iterator[str]:
        for used, part in zip(self.plan.components, self.parts, strict=True):
            if used.plugin == FILE_PLUGIN or used.distribution not in ("", DISTRIBUTION):
                origin_text = "" if used.plugin == FILE_PLUGIN else f" of plugin {used.plugin}"
                check = f"`probekit check {used.kind} {part.display_name}`"
                yield f"{check} may tell what is wrong with that {used.kind}{origin_text}."


def collect_pins(components: Iterable[UsedComponent]) -> dict[str, str]:
    """Return the versions that pin the components; empty if one of them is not from a release."""
    pins: dict[str, str] = {}
    for distribution in sorted({used.distribution for used in components}):
        versions = pinned_versions(distribution) if distribution else None
        if versions is None:
            return {}
        pins |= versions
    return pins


def make_job(spec: RunSpec, registry: Registry) -> Job:
    """Resolve a specification; what its components change in the process is put back.

    Raises:
        UsageError: A name or parameter is unknown, a type is wrong, no width meets the budget, the layer
            does not take the encoding, or the structure does not take the size.
        ProbekitError: A component cannot be made.
    """
    isolation = Isolation()
    with isolation.guard("planning"):
        return replace(_resolve_spec(spec, registry), put_back=isolation.put_back)


def _resolve_spec(spec: RunSpec, registry: Registry) -> Job:
    scale, source = resolve_at_scale(spec.probe, spec.scale, registry)
    trainer = resolve_trainer(spec.trainer, scale, registry)
    trainer.make()
    scale_part = find_added_scale(source, spec.scale, registry)
    probe = add_scale(limits.make_probe(source), scale_part)
    metrics = tuple(find_addition("metric", text, source, registry) for text in spec.metrics)
    add_metrics(probe, metrics)
    additions = metrics if scale_part is None else (*metrics, scale_part)
    data = limits.estimate_data(source, probe)
    limits.check_memory(source.display_name, data)
    expression = resolve_expression(spec.structure, probe.structure, registry)
    check_dimensions(spec, expression, probe, registry)
    width, suggested, budget = resolve_width(spec, scale, expression, probe)
    parameters = count_parameters(expression, probe.shape, width)
    limits.check_memory(
        f"{expression.text} on {source.display_name}",
        {**data, **limits.estimate_training(probe.shape, trainer, width, parameters)},
    )
    parts = (source, *expression.parts, *list_trainer_parts(trainer), *additions)
    components = tuple(record_origin(part, registry) for part in parts)
    plan = Plan(
        spec=spec,
        probe=source.text,
        structure=expression.text,
        trainer=trainer.text,
        added_metrics=tuple(part.text for part in metrics),
        scale=spec.scale if scale_part is None else scale_part.name,
        seed=spec.seed,
        width=width,
        width_wished=suggested,
        parameters=parameters,
        budget=budget,
        budget_gap=None if budget is None else parameters / budget - 1,
        inputs=probe.shape.inputs,
        outputs=probe.shape.outputs,
        size=probe.shape.size,
        components=components,
        noise=find_noise(spec, scale, source, trainer, registry),
        pins=collect_pins(components),
    )
    return Job(plan, source, probe, expression, trainer, additions)


def check_dimensions(spec: RunSpec, expression: Expression, probe: Probe, registry: Registry) -> None:
    """Raise UsageError if a structure or layer declares other dimensions; name probes and parts that fit."""
    count = len(probe.shape.size)
    for part in (expression.structure, *(hosted.layer for hosted in expression.layers)):
        if count in (supported := get_dimensions(part.target)):
            continue
        kind, maps = part.component.kind, " or ".join(f"{number}-D" for number in supported)
        probes = [name for number in supported for name in list_fitting_probes(number, registry)]
        fitting_parts = []
        for component in registry.components(kind):
            with suppress(ProbekitError):  # a component that cannot be imported fits nothing
                if count in get_dimensions(registry.load_target(component)):
                    fitting_parts.append(component.name)
        raise UsageError(
            f"{spec.structure} on {spec.probe}",
            f"{part.display_name} takes {maps} inputs, and those of this probe are {count}-D",
            f"Probes that fit: {', '.join(probes) or 'none'}. "
            f"A {kind} that fits: {', '.join(fitting_parts) or 'none'}.",
        )
