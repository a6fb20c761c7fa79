"""Names say what a stored text means here and now, and what to call a run on a card."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from probekit.cards.card import Column
from probekit.catalog.expression import resolve
from probekit.catalog.grammar import Term, canonical, file_names, parse, parse_term
from probekit.catalog.part import part
from probekit.catalog.registry import Registry
from probekit.errors import ProbekitError, UsageError, did_you_mean, reason
from probekit.evidence.certify import Certificate
from probekit.interfaces import Dataset, Probe, Published
from probekit.plain import marked
from probekit.plans import size
from probekit.plans.plan import Plan, unpin
from probekit.plans.scale import at_scale
from probekit.plans.spec import RunSpec

CONTROL = "control-"
"""How the structures are called that certify makes of controls."""
PAPER = "paper"

MOST = 1 << 30
"""Bytes that a few items of a stored run's probe may take: what a store asks for may be anything."""


class Names:
    """The structures that were typed, and what texts mean by what is installed.

    A stored text may name a file; it is run only where that file was typed, as a structure or a probe.
    """

    def __init__(self, known: Registry, typed: Sequence[str] = (), probes: Sequence[str] = ()) -> None:
        self.known = known
        self.typed, self.probes = tuple(map(canonical, typed)), tuple(map(canonical, probes))
        self.files = {name for text in (*typed, *probes) for name in file_names(text)}
        self.probe = functools.cache(self._probe)
        self.probe_text = functools.cache(self._probe_text)
        self.structure_text = functools.cache(self._structure_text)
        self.about = functools.cache(self._about)

    def refuse_files(self, text: str) -> None:
        """Raise ProbekitError where a stored text names a file that was not typed."""
        for name in file_names(text):
            if name not in self.files:
                found = f"it is made by {name}, and what a store names is not run unasked"
                raise ProbekitError(text, found, f"Name {name} on the command line to have it run.")

    def _probe(self, text: str) -> Probe:
        self.refuse_files(text)
        # of a file that was edited since, what it is now: behaviour tells which runs may be counted
        return size.made(part("probe", parse_term(unpin(text)), self.known), MOST)

    def test_items(self, text: str) -> Dataset:
        """Return the test split of a stored run's probe; raises ProbekitError where it cannot be had here."""
        probe, count = self.probe(text), dict(parse_term(text).params).get("test")
        if isinstance(count, int):
            size.held(text, {f"{count:,} test items": sum(size.of_items(probe.shape, count).values())})
        try:
            return probe.data("test", 0)
        except Exception as error:
            raise ProbekitError(text, f"its test items cannot be drawn ({reason(error)})") from error

    def _probe_text(self, asked: str, scale: str) -> str | None:
        """Return the canonical text of a probe at a scale, None where there is no such thing."""
        try:
            self.refuse_files(asked)
            return at_scale(asked, scale, self.known)[1].text
        except ProbekitError:
            return None

    def _structure_text(self, asked: str, host: str) -> str | None:
        """Return the canonical text of a structure, None where there is no such thing."""
        try:
            return resolve(asked, host, self.known).text
        except ProbekitError:
            return None

    def _about(self, kind: str, plugin: str, name: str) -> str:
        return next(
            (c.about for c in self.known.components() if (c.kind, c.plugin, c.name) == (kind, plugin, name)),
            "",
        )

    def check_typed(self, plans: Sequence[Plan]) -> Iterator[str]:
        """Yield what was typed that none of these runs is of; raises UsageError where it is not installed."""
        met = {name for plan in plans for name in (self.typed_probe(plan), self.typed_for(plan))}
        names = {name for c in self.known.components() for name in (c.name, c.long_name)}
        for text in (*self.probes, *self.typed):
            if text in met:
                continue
            yield text
            for term in parse(text):
                if not self.known.kinds_of(term.name):
                    found = f"nothing called {term.name} is installed"
                    raise UsageError(f"a card of {text}", found, did_you_mean(term.name, names))

    def wanted(self, plan: Plan, scale: str | None) -> bool:
        """Tell whether a run belongs on the card; controls belong to each probe that does."""
        if scale is not None and plan.scale != scale:
            return False
        if self.probes and self.typed_probe(plan) is None:
            return False
        return not self.typed or is_control(plan) or self.typed_for(plan) is not None

    def typed_probe(self, plan: Plan) -> str | None:
        """Return the text, of those typed, that means a run's probe."""
        if (asked := canonical(plan.spec.probe)) in self.probes:
            return asked
        return next((one for one in self.probes if self.probe_text(one, plan.scale) == plan.probe), None)

    def typed_for(self, plan: Plan) -> str | None:
        """Return the text, of those typed, that means a run's structure."""
        if (asked := canonical(plan.spec.structure)) in self.typed:
            return asked
        for text in self.typed:
            try:
                host = self.probe(plan.probe).structure
            except ProbekitError:
                return None
            if self.structure_text(text, host) == plan.structure:
                return text
        return None

    def labels(self, plans: Sequence[Plan]) -> list[str]:
        """Return what to call each run of a column: one name for one setting, another for another.

        A setting is a structure, a width and a trainer; it is called as it was asked for, the shortest way,
        with what was typed besides.
        """
        settings = [plan.setting for plan in plans]
        calls: dict[tuple[str, int | None, str], str] = {}
        for setting, plan in zip(settings, plans, strict=True):
            name = self.typed_for(plan) or canonical(plan.spec.structure)
            calls[setting] = min(calls.get(setting, called := name + besides(plan.spec)), called, key=len)
        shared: dict[str, list[tuple[str, int | None, str]]] = defaultdict(list)
        for setting, called in calls.items():
            shared[called].append(setting)
        for called, several in shared.items():
            for structure, width, trainer in several if len(several) > 1 else ():
                calls[structure, width, trainer] = f"{called}, as {structure} of width {width}, {trainer}"
        return [marked(calls[setting]) for setting in settings]

    def order(self, columns: Iterable[Column]) -> dict[str, str]:
        """Return the structures, as typed or by name, and what each is made of."""
        found: dict[str, str] = {}
        for column in columns:
            for cell in column.cells:
                found.setdefault(cell.structure, self.made_of(cell.resolved))
        places = {text: place for place, text in enumerate(self.typed)}
        return dict(sorted(found.items(), key=lambda item: (places.get(item[0], len(places)), item[0])))

    def made_of(self, structure: str) -> str:
        """Return what the registry says of a structure's terms."""
        try:
            self.refuse_files(structure)
            parts = resolve(structure, structure, self.known).parts
        except Exception:  # what a plugin's code makes of it may be anything
            return "not installed here"
        return "; ".join(p.component.about for p in parts if p.component.about)

    def abouts(self, plan: Plan, probe: Probe) -> tuple[str, str]:
        """Return what the registry says of a probe, and the probe of its scale."""
        used = plan.asker
        scale = probe.scales.get(plan.scale)
        return self.about(used.kind, used.plugin, used.name), scale.about if scale else ""

    def tags(self, plan: Plan) -> tuple[str, ...]:
        """Return the words of theory for what a run's probe takes, as the registry has them."""
        used = plan.asker
        for c in self.known.components("probe"):
            if (c.plugin, c.name) == (used.plugin, used.name):
                return c.tags
        return ()

    def certifies(self, certificate: Certificate, plan: Plan) -> bool:
        """Tell whether a certificate is of a run's probe, its version and scale, of whatever source."""
        return (str(certificate.version), certificate.scale) == plan.question[1:] and self.probe_text(
            certificate.probe, certificate.scale
        ) == plan.probe

    def shipped(self, plan: Plan) -> Certificate | None:
        """Return the certificate that a run's probe came with, None where there is none."""
        probe = self.probe(plan.probe)
        found: Mapping[str, Any] = getattr(probe, "certificates", {})
        # a scale that the probe lacks is any text, and `certificates` may read a file of that name
        if plan.scale not in probe.scales or plan.scale not in found:
            return None
        certificate = Certificate.model_validate(found[plan.scale])
        return certificate if self.certifies(certificate, plan) else None

    def published(self, plan: Plan, probe: Probe) -> dict[str, dict[str, float]]:
        """Return the published scores by structure as resolved, where the scale is the paper's."""
        rows: tuple[Published, ...] = getattr(probe, "published", ()) if plan.scale == PAPER else ()
        found: dict[str, dict[str, float]] = {}
        for row in rows:
            name = parse_term(plan.probe).name
            asked = make_probe_text(name, row)
            text = self.structure_text(row.structure, probe.structure)
            if text is not None and self.probe_text(asked, plan.scale) == plan.probe:
                found[text] = dict(row.scores)
        return found


def make_probe_text(name: str, row: Published) -> str:
    """Return the probe of a published row as it would be typed."""
    return str(Term(name, tuple(sorted(row.probe.items()))))


def is_control(plan: Plan) -> bool:
    """Tell whether a run is of a control, made by certify."""
    return plan.spec.structure.startswith(CONTROL)


def besides(spec: RunSpec) -> str:
    """Return what was typed besides probe, structure, scale and seed."""
    trainer = canonical(spec.trainer)
    said = [] if trainer == RunSpec.model_fields["trainer"].default else [trainer]
    said += [f"width {spec.width}"] if spec.width is not None else []
    said += [f"budget {spec.budget}"] if spec.budget is not None else []
    return f" ({', '.join(said)})" if said else ""
