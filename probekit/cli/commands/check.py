"""`probekit check` tests whether a component implements its interface correctly."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import Annotated

import typer

from probekit.cli.table import print_json
from probekit.terminal.messages import print_output, show_status

LABELS = {"holds": "holds", "fails": "FAILS", "expected": "expected", "does not apply": "-"}


def check_component(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="One of layer, combinator, structure, encoding, trainer, optimiser, probe, metric, "
            "scale, control, executor, observer.",
        ),
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Component, for example swirl, swirl(heads=2) or ./my_layer.py:Swirl."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that a component implements its interface correctly.

    Each check holds, or fails with a reason and a hint. If one fails, the exit code is 1. A component can
    declare a failure, with a reason, in the attribute `expected_failures`; it is then listed as expected. In
    pytest, use probekit.check.checks(kind, name).

    Example: probekit check layer lambda
    """
    from probekit.authors.check import checks

    listed_checks = checks(kind, name)
    name_width = max(len(check.name) for check in listed_checks)
    findings = []
    first_failures: dict[str, str] = {}
    for index, check in enumerate(listed_checks, 1):
        step = f"{kind} {name}, check {index} of {len(listed_checks)}: {check.name}"
        with nullcontext() if as_json else show_status(step):
            finding = check.evaluate()
        findings.append(finding)
        if as_json:
            continue
        reason = f"{finding.reason}. {finding.hint}" if finding.hint else finding.reason
        if finding.state == "fails":
            first = first_failures.setdefault(finding.reason, check.name)
            if first != check.name:
                reason = f"same reason as {first}"
        print_output(f"{finding.check:{name_width}}  {LABELS[finding.state]:8}  {reason}".rstrip())
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    if any(finding.state == "fails" for finding in findings):
        raise typer.Exit(1)
