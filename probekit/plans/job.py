"""A job is a plan with its parts in hand: each name that was typed is found once, here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from probekit.catalog.expression import Expression, resolve
from probekit.catalog.files import PLUGIN
from probekit.catalog.isolation import Isolation
from probekit.catalog.part import Part
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.catalog.releases import pinned_versions
from probekit.interfaces import Probe
from probekit.plans import size
from probekit.plans.budget import count, width_of
from probekit.plans.noise import noise_of
from probekit.plans.origin import origin
from probekit.plans.plan import Plan, Used
from probekit.plans.scale import at_scale, trained
from probekit.plans.spec import RunSpec


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is carried out with.

    source: the part that `probe` was made of. put_back: what its components changed of the process while they
    were looked at.
    """

    plan: Plan
    source: Part
    probe: Probe
    expression: Expression
    trainer: Part
    put_back: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts, in the order of the plan's components."""
        return self.source, *self.expression.parts, self.trainer

    @property
    def name(self) -> str:
        """What people call the run."""
        spec = self.plan.spec
        return f"{spec.structure} on {spec.probe}, seed {spec.seed}"

    def seeded(self, seed: int) -> Job:
        """Return the same job from another seed."""
        spec = self.plan.spec.model_copy(update={"seed": seed})
        return replace(self, plan=self.plan.model_copy(update={"spec": spec, "seed": seed}))

    def strangers(self) -> str:
        """Say which parts are not probekit's own, and how to look at them; "" where none is."""
        return " ".join(self._strange())

    def _strange(self) -> Iterator[str]:
        for used, found in zip(self.plan.components, self.parts, strict=True):
            if used.plugin == PLUGIN or used.distribution not in ("", DISTRIBUTION):
                whose = "" if used.plugin == PLUGIN else f" of plugin {used.plugin}"
                check = f"`probekit check {used.kind} {found.shown}`"
                yield f"{check} may tell what is wrong with that {used.kind}{whose}."


def pins_of(components: Iterable[Used]) -> dict[str, str]:
    """Return the versions that components are pinned by; none where one of them is of no release."""
    pins: dict[str, str] = {}
    for distribution in sorted({used.distribution for used in components}):
        versions = pinned_versions(distribution) if distribution else None
        if versions is None:
            return {}
        pins |= versions
    return pins


def make_job(spec: RunSpec, registry: Registry) -> Job:
    """Resolve a specification.

    Raises UsageError for an unknown name or parameter, a wrong type, a width that cannot meet the budget, an
    encoding the layer does not take, a size the structure cannot take; ProbekitError where a component
    cannot be made. What they change of the process is put back.
    """
    isolation = Isolation()
    with isolation.of("planning"):
        return replace(_job(spec, registry), put_back=isolation.put_back)


def _job(spec: RunSpec, registry: Registry) -> Job:
    scale, source = at_scale(spec.probe, spec.scale, registry)
    trainer = trained(spec.trainer, scale, registry)
    trainer.make()
    probe = size.made(source)
    data = size.of_data(source, probe)
    size.held(source.shown, data)
    expression = resolve(spec.structure, probe.structure, registry)
    width = width_of(spec, scale, expression, probe)
    parameters = count(expression, probe.shape, width.chosen)
    size.held(
        f"{expression.text} on {source.shown}",
        {**data, **size.of_training(probe.shape, trainer, width.chosen, parameters)},
    )
    components = tuple(origin(part, registry) for part in (source, *expression.parts, trainer))
    plan = Plan(
        spec=spec,
        probe=source.text,
        structure=expression.text,
        trainer=trainer.text,
        scale=spec.scale,
        seed=spec.seed,
        width=width.chosen,
        width_wished=width.wished,
        parameters=parameters,
        budget=width.budget,
        budget_gap=None if width.budget is None else parameters / width.budget - 1,
        inputs=probe.shape.inputs,
        outputs=probe.shape.outputs,
        size=probe.shape.size,
        components=components,
        noise=noise_of(spec, scale, source, trainer, registry),
        pins=pins_of(components),
    )
    return Job(plan, source, probe, expression, trainer)
