"""A plan is a specification made exact: names resolved, defaults filled in, parameters counted, hashed."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from probekit.catalog.expression import Expression, Part, part, resolve
from probekit.catalog.files import PLUGIN, stands_alone
from probekit.catalog.grammar import Term, file_names, parse, parse_term, write
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.catalog.sources import importable, source_hash
from probekit.errors import UsageError, did_you_mean
from probekit.interfaces import Probe, Scale, Value
from probekit.plans import budget
from probekit.plans.spec import RunSpec

ENGINE = 1
"""Raised when the engine scores or seeds differently, so that older results are not reused."""


class Used(BaseModel):
    """A component a run rests on: where it came from, and the hash of its source (None where it has none)."""

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    plugin: str
    distribution: str
    distribution_version: str
    version: int | None
    source: str | None


class Plan(BaseModel):
    """What will be done, all of it: a stored plan alone can be performed again.

    probe, structure, trainer: canonical texts. width: None where the structure has none. budget_gap:
    parameters over budget, minus one. noise: the scale's measured noise between seeds by metric, empty
    where what was typed differs from the scale. nonce: set where a callable given from Python is not all in
    its source, so that its result is never reused.
    """

    model_config = ConfigDict(frozen=True)

    spec: RunSpec
    probe: str
    structure: str
    trainer: str
    scale: str
    seed: int
    width: int | None
    parameters: int
    budget: int | None
    budget_gap: float | None
    inputs: int
    outputs: int
    size: tuple[int, ...]
    components: tuple[Used, ...]
    noise: dict[str, float]
    nonce: str = ""

    @property
    def identity(self) -> str:
        """Return the sha256 of all that a result depends on but the machine."""
        texts = {"probe", "structure", "trainer", "scale"}
        hashed = self.model_dump(include={*texts, "seed", "width", "parameters", "nonce"})
        hashed["engine"] = ENGINE
        hashed["components"] = [
            [u.kind, u.plugin, u.name, u.version, u.source or u.distribution_version] for u in self.components
        ]
        return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> str:
        """Return the name of the run's folder: readable, then the identity's first twelve digits."""
        asked = f"{self.spec.probe}-{self.spec.structure}-{self.scale}-s{self.seed}"
        return f"{readable(asked)}-{self.identity[:12]}"

    @property
    def comparable(self) -> tuple[str, str, str]:
        """Return what plans share whose scores may be compared: probe as resolved, its version, scale."""
        version = next(u.version for u in self.components if u.kind == "probe")
        return self.probe, str(version), self.scale


def readable(text: str) -> str:
    """Return a text as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:80]


def make_plan(spec: RunSpec, registry: Registry) -> Plan:
    """Resolve a specification.

    Raises UsageError for an unknown name or parameter, a wrong type, a width that cannot meet the budget, an
    encoding the layer does not take, a size the structure cannot take.
    """
    scale, probe_part = at_scale(spec.probe, spec.scale, registry)
    trainer_part = trained(spec.trainer, scale, registry)
    trainer_part.make()
    probe: Probe = probe_part.make()
    expression = resolve(spec.structure, probe.structure, registry)
    width, allowed = chosen_width(spec, scale, expression, probe)
    parameters = budget.count(expression, probe.shape, width)
    parts = (probe_part, *expression.parts, trainer_part)
    return Plan(
        spec=spec,
        probe=probe_part.text,
        structure=expression.text,
        trainer=trainer_part.text,
        scale=spec.scale,
        seed=spec.seed,
        width=width,
        parameters=parameters,
        budget=allowed,
        budget_gap=None if allowed is None else parameters / allowed - 1,
        inputs=probe.shape.inputs,
        outputs=probe.shape.outputs,
        size=probe.shape.size,
        components=tuple(used_of(p, registry) for p in parts),
        noise=noise_of(spec, scale, probe_part, trainer_part, registry),
        nonce="" if all(map(traceable, parts)) else uuid.uuid4().hex,
    )


def noise_of(spec: RunSpec, scale: Scale, probe: Part, trainer: Part, registry: Registry) -> dict[str, float]:
    """Return a scale's measured noise, empty where what was typed differs from the scale."""
    as_measured = (
        probe == part("probe", merged(Term(probe.name), scale.parameters), registry)
        and trainer == trained(RunSpec.model_fields["trainer"].default, scale, registry)
        and spec.width is None
        and spec.budget is None
    )
    return dict(scale.noise) if as_measured else {}


def make_spec(**asked: Any) -> RunSpec:
    """Return a RunSpec; raises UsageError, in one sentence, where pydantic raises ValidationError."""
    try:
        return RunSpec(**asked)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "a run"
        found = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where} = {first['input']!r}" if first["loc"] else where, found, "") from None


def named_scale(probe: Part, name: str) -> Scale:
    """Return one of a probe's scales; raises UsageError where it has none of that name."""
    scales: Mapping[str, Scale] = getattr(probe.target, "scales", {})
    if name not in scales:
        asked = f"scale {name!r} of probe {probe.component.name!r}"
        raise UsageError(asked, "there is no such scale", did_you_mean(name, scales))
    return scales[name]


def at_scale(probe: str, name: str, registry: Registry) -> tuple[Scale, Part]:
    """Return a scale of a probe, and the probe at it with what was typed on top."""
    asked = parse_term(probe)
    scale = named_scale(part("probe", Term(asked.name), registry), name)
    return scale, part("probe", merged(asked, scale.parameters), registry)


def merged(term: Term, below: Mapping[str, Value]) -> Term:
    """Return the term with the scale's parameters under what was typed."""
    return Term(term.name, tuple(sorted({**below, **dict(term.params)}.items())))


def trained(text: str, scale: Scale, registry: Registry) -> Part:
    """Resolve the trainer; of the scale's recipe it takes what it has parameters for."""
    asked = parse_term(text)
    own = part("trainer", Term(asked.name), registry).params
    recipe = {name: value for name, value in scale.recipe.items() if name in own}
    return part("trainer", merged(asked, recipe), registry)


def chosen_width(
    spec: RunSpec, scale: Scale, expression: Expression, probe: Probe
) -> tuple[int | None, int | None]:
    """Return the width and the budget it was chosen for, if any: what was typed, else what the scale says.

    Raises UsageError where a width is not a multiple of what the terms need, or a structure has none.
    """
    if not expression.has_width:
        for option, typed in (("--width", spec.width), ("--budget", spec.budget)):
            if typed is not None:
                name = expression.structure.component.name
                raise UsageError(f"{option} {typed}", f"{name} has no width", f"Leave {option} out.")
        return None, scale.budget
    allowed = spec.budget or (None if spec.width else scale.budget)
    if allowed is not None:
        return budget.nearest(expression, probe.shape, allowed), allowed
    width = spec.width or scale.width
    step = expression.width_step
    if width is None or width % step:
        wanted = f"a multiple of {step}"
        raise UsageError(
            f"{expression.text} of width {width}", f"its terms need {wanted}", f"Type --width with {wanted}."
        )
    return width, None


def used_of(found: Part, registry: Registry) -> Used:
    """Note where a part came from; its source is its address's too, where a partial may have been made."""
    address = found.component.target
    record = registry.owner(found.component)
    version = getattr(found.target, "version", None)
    return Used(
        kind=found.component.kind,
        name=found.component.name,
        plugin=found.component.plugin,
        distribution=record.distribution if record else "",
        distribution_version=record.version if record else "",
        version=version if isinstance(version, int) else None,
        source=source_hash(found.target, address.partition(":")[0] if isinstance(address, str) else ""),
    )


def traceable(found: Part) -> bool:
    """Tell whether the sources say all that a part is; what was handed over as an object may hold more.

    A file that imports what lies beside it does not: the neighbour's changes would not be seen.
    """
    address = found.component.target
    if isinstance(address, str):
        return stands_alone(address.partition(":")[0])
    return importable(found.target) and source_hash(found.target) is not None


def strangers(plan: Plan) -> str:
    """Say which components of a plan are not probekit's own, and how to look at them; "" where none is."""
    terms = [parse_term(plan.probe), *parse(plan.structure), parse_term(plan.trainer)]
    said = []
    for used, term in zip(plan.components, terms, strict=True):
        name = term.name.partition("@")[0]
        if used.plugin == PLUGIN or used.distribution not in ("", DISTRIBUTION):
            whose = "" if used.plugin == PLUGIN else f" of plugin {used.plugin}"
            said.append(
                f"`probekit check {used.kind} {name}` may tell what is wrong with that {used.kind}{whose}."
            )
    return " ".join(said)


def code_in(plan: Plan) -> list[str]:
    """Return the terms of a plan that are files: performing it runs their code."""
    texts = (
        plan.probe,
        plan.structure,
        plan.trainer,
        plan.spec.probe,
        plan.spec.structure,
        plan.spec.trainer,
    )
    return list(dict.fromkeys(name for text in texts for name in file_names(text)))


def changed(before: Plan, after: Plan) -> list[str]:
    """Return in words what a stored plan rests on that is another now."""
    was = {(used.kind, used.name): used for used in before.components}
    return [
        f"the {used.kind} {used.name}"
        for used in after.components
        if (old := was.get((used.kind, used.name))) is None or old.source != used.source
    ]


def recipe_text(plan: Plan) -> str:
    """Return the trainer's parameters as one line for people."""
    return ", ".join(f"{key} {write(value)}" for key, value in parse_term(plan.trainer).params)
