"""Names: which installed components a stored text means, and how a card labels a run."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from probekit.cards.card import Column
from probekit.catalog.expression import resolve_expression
from probekit.catalog.grammar import Term, list_files, normalize_expression, parse_expression, parse_term
from probekit.catalog.part import find_part, resolve_part
from probekit.catalog.registry import Registry
from probekit.catalog.terms import walk_terms
from probekit.evidence.certify import Certificate
from probekit.plain import escape_lookalikes
from probekit.plans import limits
from probekit.plans.plan import Plan, strip_hashes
from probekit.plans.scale import add_metrics, add_scale, find_added_scale, find_addition, resolve_at_scale
from probekit.plans.spec import RunSpec
from probekit.plugin.errors import ProbekitError, UsageError, did_you_mean
from probekit.plugin.interfaces import Probe, Published

CONTROL_PREFIX = "control-"
"""Prefix of the structures that `certify` makes of controls."""
PAPER = "paper"
SURVEY_MARK = " (survey)"
"""Ends the label of a row whose runs are of the shipped survey."""

MAX_BYTES = 1 << 30
"""Most memory that a few items of a stored run's probe may take: a store may hold anything."""


class Names:
    """What the user typed, and what stored texts mean among the installed components.

    A stored text may name a Python file. It is run only if the user typed that file too, as a structure or a
    probe.

    Args:
        registry: The installed components.
        typed: Structures as typed.
        probes: Probes as typed.
    """

    def __init__(self, registry: Registry, typed: Sequence[str] = (), probes: Sequence[str] = ()) -> None:
        self.registry = registry
        self.typed = tuple(map(normalize_expression, typed))
        self.probes = tuple(map(normalize_expression, probes))
        self.files = {name for text in (*typed, *probes) for name in list_files(text)}
        self.probe = functools.cache(self._make_probe)
        self.probe_text = functools.cache(self._probe_text)
        self.structure_text = functools.cache(self._structure_text)
        self.about = functools.cache(self._find_about)

    def refuse_files(self, text: str) -> None:
        """Raise ProbekitError if a stored text names a file that was not typed."""
        for name in list_files(text):
            if name not in self.files:
                message = f"it is made by {name}, and probekit runs no file that only a store names"
                raise ProbekitError(text, message, f"Name {name} on the command line to run it.")

    def _make_probe(self, text: str) -> Probe:
        """Make the probe of a stored text."""
        self.refuse_files(text)
        # if its file was edited, the edited one: its behaviour tells which runs may be counted
        return limits.make_probe(
            resolve_part("probe", parse_term(strip_hashes(text)), self.registry), MAX_BYTES
        )

    def make_scored_probe(self, plans: Iterable[Plan]) -> Probe:
        """Make the probe of runs of one column, with the scale and the metrics that plugins add to it.

        A scale or metric that is no longer installed is left out.
        """
        first, *others = plans
        probe = self.probe(first.probe)  # first: it refuses a file that only a store names
        part = find_part("probe", parse_term(strip_hashes(first.probe)).name, self.registry)
        with suppress(ProbekitError):
            probe = add_scale(probe, find_added_scale(part, first.scale, self.registry))
        for text in dict.fromkeys(text for plan in (first, *others) for text in plan.added_metrics):
            with suppress(ProbekitError):
                probe = add_metrics(probe, [find_addition("metric", text, part, self.registry)])
        return probe

    def _probe_text(self, typed: str, scale: str) -> str | None:
        """Return the canonical text of a probe at a scale, None if it cannot be made."""
        try:
            self.refuse_files(typed)
            return resolve_at_scale(typed, scale, self.registry)[1].text
        except ProbekitError:
            return None

    def _structure_text(self, typed: str, host: str) -> str | None:
        """Return the canonical text of a structure, None if it cannot be made."""
        try:
            return resolve_expression(typed, host, self.registry).text
        except ProbekitError:
            return None

    def _find_about(self, kind: str, plugin: str, name: str) -> str:
        """Return the line about a component, "" if it is not installed."""
        components = self.registry.components()
        return next((c.about for c in components if (c.kind, c.plugin, c.name) == (kind, plugin, name)), "")

    def check_typed(self, plans: Sequence[Plan]) -> Iterator[str]:
        """Yield what was typed and has no run among these.

        Raises:
            UsageError: It names a component that is not installed.
        """
        matched = {name for plan in plans for name in (self.typed_probe(plan), self.typed_structure(plan))}
        installed = {name for c in self.registry.components() for name in (c.name, c.long_name)}
        for text in (*self.probes, *self.typed):
            if text in matched:
                continue
            yield text
            for term in walk_terms(parse_expression(text)):
                if not self.registry.kinds_of(term.name):
                    message = f"nothing called {term.name} is installed"
                    raise UsageError(f"a card of {text}", message, did_you_mean(term.name, installed))

    def is_wanted(self, plan: Plan, scale: str | None) -> bool:
        """Tell whether a run belongs on the card; controls belong to each probe on it."""
        if scale is not None and plan.scale != scale:
            return False
        if self.probes and self.typed_probe(plan) is None:
            return False
        return not self.typed or is_control(plan) or self.typed_structure(plan) is not None

    def typed_probe(self, plan: Plan) -> str | None:
        """Return the typed text that means a run's probe, None without one."""
        if (requested := normalize_expression(plan.spec.probe)) in self.probes:
            return requested
        return next((text for text in self.probes if self.probe_text(text, plan.scale) == plan.probe), None)

    def typed_structure(self, plan: Plan) -> str | None:
        """Return the typed text that means a run's structure, None without one."""
        if (requested := normalize_expression(plan.spec.structure)) in self.typed:
            return requested
        for text in self.typed:
            try:
                host = self.probe(plan.probe).structure
            except ProbekitError:
                return None
            if self.structure_text(text, host) == plan.structure:
                return text
        return None

    def label_runs(self, plans: Sequence[Plan]) -> list[str]:
        """Return a label for each run of a column, equal for runs of one setting and for no others.

        A setting is a structure, a width and a trainer. Its label is the shortest request for it.
        """
        settings = [plan.row_key for plan in plans]
        labels: dict[tuple[str, int | None, str], str] = {}
        for setting, plan in zip(settings, plans, strict=True):
            label = self.typed_structure(plan) or normalize_expression(plan.spec.structure)
            label += describe_options(plan.spec)
            labels[setting] = min(labels.get(setting, label), label, key=len)
        by_label: dict[str, list[tuple[str, int | None, str]]] = defaultdict(list)
        for setting, label in labels.items():
            by_label[label].append(setting)
        for label, sharing in by_label.items():
            for structure, width, trainer in sharing if len(sharing) > 1 else ():
                labels[structure, width, trainer] = f"{label}, as {structure} of width {width}, {trainer}"
        return [escape_lookalikes(labels[setting]) for setting in settings]

    def order_structures(self, columns: Sequence[Column]) -> dict[str, str]:
        """Return the descriptions of structures by label: as typed, by name, the survey last."""
        descriptions: dict[str, str] = {}
        for column in columns:
            for cell in column.cells:
                descriptions.setdefault(cell.structure, self.describe_structure(cell.resolved))
        index = {text: number for number, text in enumerate(self.typed)}
        surveyed = {cell.structure for column in columns for cell in column.cells if cell.surveyed}
        labels = sorted(
            descriptions, key=lambda label: (label in surveyed, index.get(label, len(index)), label)
        )
        return {label: descriptions[label] for label in labels}

    def describe_structure(self, structure: str) -> str:
        """Return the lines about a structure's components."""
        try:
            self.refuse_files(structure)
            parts = resolve_expression(structure, structure, self.registry).parts
        except Exception:  # a plugin's code may raise anything
            return "not installed here"
        return "; ".join(p.component.about for p in parts if p.component.about)

    def describe_probe(self, plan: Plan, probe: Probe) -> tuple[str, str]:
        """Return the lines about a run's probe and about its scale."""
        component = plan.probe_component
        scale = probe.scales.get(plan.scale)
        return self.about(component.kind, component.plugin, component.name), scale.about if scale else ""

    def probe_tags(self, plan: Plan) -> tuple[str, ...]:
        """Return what a run's probe needs, in words of theory."""
        probe = plan.probe_component
        for component in self.registry.components("probe"):
            if (component.plugin, component.name) == (probe.plugin, probe.name):
                return component.tags
        return ()

    def is_certificate_of(self, certificate: Certificate, plan: Plan) -> bool:
        """Tell whether a certificate is for a run's probe, version and scale, whatever their code."""
        return (str(certificate.version), certificate.scale) == plan.column_key[1:] and self.probe_text(
            certificate.probe, certificate.scale
        ) == plan.probe

    def shipped_certificate(self, plan: Plan) -> Certificate | None:
        """Return the certificate that is shipped with a run's probe, None without one."""
        probe = self.probe(plan.probe)
        # check the scale first: a stored one may be any text, and `certificates` may read a file of that name
        if plan.scale not in probe.scales or plan.scale not in probe.certificates:
            return None
        certificate = Certificate.model_validate(probe.certificates[plan.scale])
        return certificate if self.is_certificate_of(certificate, plan) else None

    def published_scores(self, plan: Plan, probe: Probe) -> dict[str, dict[str, float]]:
        """Return published scores by canonical structure and metric, at the paper's scale only."""
        rows = probe.published if plan.scale == PAPER else ()
        scores: dict[str, dict[str, float]] = {}
        for row in rows:
            typed = make_probe_text(parse_term(plan.probe).name, row)
            text = self.structure_text(row.structure, probe.structure)
            if text is not None and self.probe_text(typed, plan.scale) == plan.probe:
                scores[text] = dict(row.scores)
        return scores


def make_probe_text(name: str, row: Published) -> str:
    """Return the probe of a published row as a user would type it."""
    return str(Term(name, tuple(sorted(row.probe.items()))))


def is_control(plan: Plan) -> bool:
    """Tell whether a run is of a control, made by `certify`."""
    return plan.spec.structure.startswith(CONTROL_PREFIX)


def describe_options(spec: RunSpec) -> str:
    """Return the options of a request other than probe, structure, scale and seed, in brackets."""
    trainer = normalize_expression(spec.trainer)
    options = [] if trainer == RunSpec.model_fields["trainer"].default else [trainer]
    options += [f"width {spec.width}"] if spec.width is not None else []
    options += [f"budget {spec.budget}"] if spec.budget is not None else []
    return f" ({', '.join(options)})" if options else ""
