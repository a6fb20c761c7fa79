"""Certifying gathers the evidence that a probe is unambiguous, well-posed and focused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict

from probekit.catalog.grammar import parse_term
from probekit.catalog.part import find
from probekit.catalog.registry import Registry
from probekit.components import Component
from probekit.evidence.focus import HALF, LOWEST, Control, controls
from probekit.interfaces import Metric, Probe
from probekit.items import batches
from probekit.plain import plain, table
from probekit.plans import size
from probekit.plans.job import make_job
from probekit.plans.scale import at_scale, probe_at
from probekit.plans.spec import make_spec
from probekit.runs.question import observe_probe
from probekit.runs.run import carry_out
from probekit.scores.pictures import Strip, grid
from probekit.scores.score import BATCH, closed_form, expected
from probekit.storage.alike import ELSEWHERE
from probekit.storage.behaviour import Numbers, difference
from probekit.storage.result import Result, Scores
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.runs.sitting import Watch

CERTIFICATE = "certificate.json"


class Check(BaseModel):
    """One thing looked at: whether it holds (None where it was not measured), and the evidence in words."""

    model_config = ConfigDict(frozen=True)

    name: str
    holds: bool | None
    evidence: str


class Certificate(BaseModel):
    """What was found of a probe at a scale; `counterexample` is the picture of the first failure, if any.

    version: the probe's. question: the numbers by which the probe is known, none in those of probekit 0.1; it
    says nothing of a probe with others. first_steps: the numbers of each control that is a network.
    """

    model_config = ConfigDict(frozen=True)

    probe: str
    version: int
    question: Numbers = {}
    first_steps: dict[str, Numbers] = {}
    scale: str
    items: int
    checks: tuple[Check, ...]
    counterexample: str = ""
    networks: dict[str, Scores] = {}

    def __repr__(self) -> str:
        """Say it in a line; `model_dump()` says all of it."""
        return plain(f"<Certificate: {self.probe}, {self.scale}: {'passed' if self.passed else 'FAILED'}>")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        held = {True: "holds", False: "FAILS", None: "-"}
        rows = [[check.name, held[check.holds], check.evidence] for check in self.checks]
        return table(repr(self), ["check", "", "evidence"], rows)

    def certifies(self, question: Numbers) -> bool:
        """Return whether it is of the probe that these numbers are of."""
        return bool(self.question) and not difference(self.question, question, ELSEWHERE)

    @property
    def passed(self) -> bool:
        """Tell whether nothing that was measured failed."""
        return all(check.holds is not False for check in self.checks)


def certify(
    text: str,
    scale: str,
    known: Registry,
    store: Store,
    *,
    items: int = 10_000,
    focus: bool = True,
    device: str | None = None,
    watch: Watch | None = None,
) -> Certificate:
    """Look at a probe: `items` of its training split for the first checks, its controls for the last.

    focus: fit the controls too, networks among them; they are trained like any structure and kept in the
    store. The certificate and, where an item fails, its picture are written into the store. Raises UsageError
    for an unknown probe, parameter or scale, StoreError where the store cannot be written.
    """
    tell = watch or (lambda stage, row: None)
    asked = parse_term(text)
    has_length = find("probe", asked.name, known).accepts("train")
    longer = {"train": items} if has_length and "train" not in dict(asked.params) else {}
    _, source = at_scale(text, scale, known, **longer)
    probe = size.made(source)
    size.held(f"certifying {text}", size.of_data(source, probe))
    items = min(items, len(probe.data("train", 0)))
    checks, picture = examine(probe, items, tell)
    networks: dict[str, Result] = {}
    if focus:
        check, networks = focused(text, scale, known, store, device, tell)
        checks.append(check)
    else:
        checks.append(Check(name="focused", holds=None, evidence=f"not measured; type --scale {scale}"))
    at = at_scale(text, scale, known)[1]
    folder = store.loose(f"certificate-{text}-{scale}")
    where = ""
    if picture:
        folder.write("counterexample.png", picture)
        where = str(folder.path / "counterexample.png")
    found = Certificate(
        probe=text,
        version=probe.version,
        question=observe_probe(at.target, at.text, at.make()),
        scale=scale,
        items=items,
        checks=tuple(checks),
        counterexample=where,
        networks={title: result.metrics for title, result in networks.items()},
        first_steps={title: result.behaviour.training for title, result in networks.items()},
    )
    folder.write_json(CERTIFICATE, found.model_dump(mode="json"))
    return found


def examine(probe: Probe, items: int, tell: Watch) -> tuple[list[Check], bytes]:
    """Check item by item that the label is the only one and the oracle's; return checks and a picture.

    A probe that can prove from an input that it has one label has `certified(inputs) -> {rule: (batch,)
    bool}`; one that can say what its inputs contain has `contents(inputs, targets) -> {what: (batch,)
    numbers}`; one that may leave something to be guessed has `ceiling(inputs) -> (batch,)`, the score of the
    headline metric, a share, that the best guesses reach on the average. The picture is PNG bytes, empty
    where nothing failed.
    """
    import torch

    data = probe.data("train", 0)
    count = min(items, len(data))
    proof: Callable[[Tensor], Mapping[str, Tensor]] | None = getattr(probe, "certified", None)
    contents: Callable[[Tensor, Tensor], Mapping[str, Tensor]] | None = getattr(probe, "contents", None)
    ceiling: Callable[[Tensor], Tensor] | None = getattr(probe, "ceiling", None)
    unproved: dict[str, int] = {}
    best: list[Tensor] = []
    held: dict[str, list[Tensor]] = {}
    wrong = 0
    picture = b""
    for indices, inputs, targets in batches(data, count, BATCH):
        answers = probe.oracle(inputs)
        missed = (answers != targets).flatten(1).any(1)
        failed = missed.clone()
        for rule, holds in (proof(inputs) if proof else {}).items():
            unproved[rule] = unproved.get(rule, 0) + int((~holds).sum())
            failed |= ~holds
        for what, values in (contents(inputs, targets) if contents else {}).items():
            held.setdefault(what, []).append(values)
        if ceiling:
            best.append(ceiling(inputs))
        wrong += int(missed.sum())
        if not picture and bool(failed.any()):
            first = int((missed if bool(missed.any()) else failed).int().argmax())
            picture = counterexample(indices[first], inputs[first], targets[first], answers[first])
        tell("examine", {"step": indices.stop, "steps": count})
    checks = []
    if proof:
        rules = "; ".join(f"{rule}: {count - n:,} of {count:,}" for rule, n in unproved.items())
        checks.append(Check(name="unambiguous", holds=not any(unproved.values()), evidence=rules))
    exact = f"the oracle is exact on {count - wrong:,} of {count:,}"
    if (share := expected(best)) is not None:
        exact += f"; the best of solvers expects {share:.2%} in {probe.metrics[0].name}"
    checks.append(Check(name="well-posed", holds=wrong == 0, evidence=exact))
    spread = {what: torch.cat(parts).double() for what, parts in held.items()}
    if spread:
        said = [
            f"{what} {v.mean():.3g} ({v.min():.3g} to {v.max():.3g})"
            if v.isfinite().all()
            else f"{what}, which is not finite for {int((~v.isfinite()).sum()):,}"
            for what, v in spread.items()
        ]
        checks.append(Check(name="simple", holds=None, evidence="an input holds " + ", ".join(said)))
    return checks, picture


def counterexample(index: int, inputs: Tensor, target: Tensor, answer: Tensor) -> bytes:
    """Draw an item that failed: PNG bytes."""
    strip = Strip(f"item {index}", (inputs, target, answer, answer - target))
    heads = ("input", "label", "the oracle's reading", "difference")
    return grid("A label that the input does not decide", heads, [strip], frozenset({"difference"}))


def focused(
    text: str, scale: str, known: Registry, store: Store, device: str | None, tell: Watch
) -> tuple[Check, dict[str, Result]]:
    """Fit the controls and check that none comes near perfect; return the runs of the networks among them.

    The metric is the probe's `focus`, by default its headline.
    """
    probe = probe_at(text, scale, known)
    train, test = probe.data("train", 0), probe.data("test", 0)
    name = getattr(probe, "focus", probe.metrics[0].name)
    metric: Metric = next(m for m in probe.metrics if m.name == name)
    closed: dict[str, float | None] = {}
    networks: dict[str, Result] = {}
    for title, control in probe.controls().items():
        if hasattr(control, "fit"):
            closed[title] = closed_form(control, probe, train, test, len(test))[name]
            continue
        component = Component(
            "structure", f"control-{title.replace(' ', '-')}", cast("Any", control), "a control"
        )
        with_control = known.with_components(component)
        job = make_job(make_spec(probe=text, structure=component.name, scale=scale), with_control)
        outcome = carry_out(job, with_control, device=device, store=store, watch=tell)
        networks[title] = outcome.result
    found = controls(metric, closed, {title: run.metrics.get(name) for title, run in networks.items()})
    parts = [
        f"{what} at most {most:.0%}: " + ", ".join(f"{title} {placed(found[title])}" for title in several)
        for what, most, several in (
            ("in closed form, from chance,", HALF, closed),
            ("networks, from the floor,", LOWEST, networks),
        )
        if several
    ]
    check = Check(
        name="focused",
        holds=all(control.holds for control in found.values()),
        evidence=f"place of the controls (and their score) in {name}; {'; '.join(parts)}",
    )
    return check, networks


def placed(control: Control) -> str:
    """Return a place and its score for people."""
    return "-" if control.at is None else f"{control.at:z.0%} ({control.score:.3f})"
