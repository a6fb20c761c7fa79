"""Certification collects evidence that a probe is unambiguous, well-posed and focused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from probekit.battery.attack import SolverScore, find_best, focus_metric, run_battery
from probekit.battery.floor import describe_floor, is_low_enough
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import find_part
from probekit.catalog.registry import Registry
from probekit.evidence.control_checks import (
    average_seeds,
    check_controls,
    find_added_controls,
    measure_spread,
)
from probekit.evidence.item_checks import Check, check_items, check_repeats, fail_check, has_oracle
from probekit.plain import make_plain, render_html_table
from probekit.plans import limits
from probekit.plans.scale import make_probe_at, resolve_at_scale
from probekit.plugin.errors import ComponentError, UsageError, name_culprit
from probekit.plugin.interfaces import Metric, Probe
from probekit.runs.fingerprint import observe_probe
from probekit.storage.behaviour import Numbers
from probekit.storage.result import Result, Scores
from probekit.storage.store import Store

if TYPE_CHECKING:
    from probekit.runs.session import ProgressListener

CERTIFICATE = "certificate.json"


class Certificate(BaseModel):
    """The evidence about a probe at one scale.

    Attributes:
        probe: The probe as requested.
        version: The probe's version.
        question: Numbers that identify the probe's behaviour; empty in certificates of probekit 0.1. The
            certificate holds for no probe with other numbers.
        first_steps: The same for each control that is a network.
        scale: The name of the scale.
        items: How many items were checked.
        checks: The checks.
        counterexample: Path of a picture of the first item that fails, "" if none does.
        networks: Scores of the controls that are networks, means over seeds.
        spreads: Standard deviations over seeds; empty in certificates of one seed.
        shortcuts: Scores of the solvers of the battery; empty in certificates made without it.
        added: Scores of the closed-form controls that are added, by plugins or after results were stored.
        control_plugins: The plugins of the controls that are added, by control.
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
    spreads: dict[str, Scores] = {}
    shortcuts: tuple[SolverScore, ...] = ()
    added: dict[str, Scores] = {}
    control_plugins: dict[str, str] = {}

    def __repr__(self) -> str:
        """Return a summary in one line; `model_dump()` returns all of it."""
        return make_plain(
            f"<Certificate: {self.probe}, {self.scale}: {'passed' if self.passed else 'FAILED'}>"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        words = {True: "holds", False: "FAILS", None: "-"}
        rows = [[check.name, words[check.holds], check.evidence] for check in self.checks]
        return render_html_table(repr(self), ["check", "", "evidence"], rows)

    def list_controls(self, metrics: Sequence[Metric]) -> dict[str, Scores]:
        """Return scores by name: of networks, of added controls, and of the best shortcuts."""
        best = [find_best(self.shortcuts, metric) for metric in metrics]
        return {
            **self.networks,
            **self.added,
            **{entry.solver: entry.scores for entry in best if entry is not None},
        }

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.holds is not False for check in self.checks)


def certify_probe(
    text: str,
    scale: str,
    registry: Registry,
    store: Store,
    *,
    items: int = 10_000,
    focus: bool = True,
    controls: Sequence[str] = (),
    device: str | None = None,
    watch: ProgressListener | None = None,
) -> Certificate:
    """Check a probe at a scale and store the certificate, with a picture of the first item that fails.

    If a part of the probe raises an exception, its check fails and names the part; the others are made.

    Args:
        text: The probe as typed.
        scale: The name of the scale.
        registry: The installed components.
        store: Where the certificate, and the runs of the controls, are stored.
        items: How many items of the training split to check.
        focus: Fit the controls too. Networks among them are trained as any structure is.
        controls: Controls that plugins add to the probe.
        device: Where the networks are trained.
        watch: Receives progress events.

    Raises:
        UsageError: The probe, a parameter or the scale is unknown.
        StoreError: The store cannot be written.
    """
    watch = watch or (lambda stage, row: None)
    term = parse_term(text)
    has_length = find_part("probe", term.name, registry).accepts("train")
    train_length = {"train": items} if has_length and "train" not in dict(term.params) else {}
    _, source = resolve_at_scale(text, scale, registry, **train_length)
    probe = limits.make_probe(source)
    if not has_oracle(probe):
        problem = "it declares that it has no oracle, so nothing shows that its labels are right"
        hint = "Write a method oracle(inputs), or show its scores without a certificate."
        raise UsageError(f"certifying {text}", problem, hint)
    limits.check_memory(f"certifying {text}", limits.estimate_data(source, probe))
    added_parts = find_added_controls(text, probe, registry, controls)  # a wrong name is an error at once
    checks: list[Check] = []
    picture, networks, shortcuts = b"", dict[str, list[Result]](), tuple[SolverScore, ...]()
    added: dict[str, Scores] = {}
    try:
        with name_culprit("its method `data`"):
            items = min(items, len(probe.data("train", 0)))
        checks, picture = check_items(probe, items, watch)
        checks.append(check_repeats(probe, items))
    except ComponentError as error:
        checks.append(fail_check("well-posed", error))
    if focus:
        try:
            check, shortcuts = check_shortcuts(make_probe_at(text, scale, registry), watch)
        except ComponentError as error:
            check = fail_check("shortcuts", error)
        checks.append(check)
        try:
            check, networks, added = check_controls(
                text, scale, registry, store, device, watch, shortcuts, controls
            )
        except ComponentError as error:
            check = fail_check("focused", error)
        checks.append(check)
    else:
        unmeasured = f"not measured; type --scale {scale}"
        checks += [Check(name=name, holds=None, evidence=unmeasured) for name in ("shortcuts", "focused")]
    source = resolve_at_scale(text, scale, registry)[1]
    question: Numbers = {}
    try:
        with name_culprit("identifying it"):
            question = observe_probe(source.target, source.text, source.make())
    except ComponentError as error:
        checks.append(fail_check("identified", error))
    folder = store.aux_folder(f"certificate-{text}-{scale}")
    counterexample = ""
    if picture:
        folder.write("counterexample.png", picture)
        counterexample = str(folder.path / "counterexample.png")
    certificate = Certificate(
        probe=text,
        version=probe.version,
        question=question,
        scale=scale,
        items=items,
        checks=tuple(checks),
        counterexample=counterexample,
        networks={title: average_seeds(results) for title, results in networks.items()},
        spreads={title: measure_spread(results) for title, results in networks.items()},
        first_steps={title: results[0].behaviour.training for title, results in networks.items()},
        shortcuts=shortcuts,
        added=added,
        control_plugins={name: part.component.plugin for name, part in added_parts.items()},
    )
    folder.write_json(CERTIFICATE, certificate.model_dump(mode="json"))
    return certificate


def check_shortcuts(probe: Probe, watch: ProgressListener) -> tuple[Check, tuple[SolverScore, ...]]:
    """Put the battery to a probe and check that no solver without the property comes too far.

    Returns:
        The check, which names the best solver, and the scores of all.
    """
    metric = focus_metric(probe)
    table = run_battery(probe, watch=watch)
    check = Check(
        name="shortcuts", holds=is_low_enough(table, metric), evidence=describe_floor(table, metric)
    )
    return check, table
