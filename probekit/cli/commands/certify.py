"""`probekit certify` shows the evidence that a probe is unambiguous, well-posed and focused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.options import StoreOption
from probekit.cli.table import print_json, print_table
from probekit.terminal.messages import print_info, print_output
from probekit.terminal.progress import Progress

if TYPE_CHECKING:
    from probekit.evidence.certify import Certificate

STATUSES = {True: "holds", False: "FAILS", None: "-"}


def show_certificates(
    probe: Annotated[
        str,
        typer.Argument(
            metavar="PROBE", help="Probe, for example nonlocality or nonlocality(ambiguous=true)."
        ),
    ],
    scales: Annotated[
        list[str] | None,
        typer.Option(
            "--scale", help="Scale to check; repeatable.  [default: all; controls train at quick only]"
        ),
    ] = None,
    items: Annotated[int, typer.Option(min=1, help="Number of inputs to check at each scale.")] = 10_000,
    controls: Annotated[
        list[str] | None,
        typer.Option("--control", metavar="C", help="Control of a plugin, judged too; repeatable."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Device that trains the controls: cpu, cuda or mps.")
    ] = None,
    store: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of certificates.")] = False,
) -> None:
    """Check a probe: each input has one label, the oracle finds it, and the controls fail.

    Controls are solvers without the property. Those that are networks are trained like any structure, at the
    scale quick unless you name others. If a check fails, the exit code is 1 and a picture shows a
    counterexample where there is one.

    Example: probekit certify nonlocality
    """
    from probekit.catalog.denormals import start_torch_threads
    from probekit.catalog.grammar import Term, parse_term
    from probekit.catalog.part import resolve_part
    from probekit.evidence.certify import certify_probe
    from probekit.schedule.cores import default_threads
    from probekit.storage.store import Store

    start_torch_threads(default_threads())
    default_probe = resolve_part("probe", Term(parse_term(probe).name, ()), registry())
    certificates = []
    with Progress() as progress:
        for scale in scales or list(default_probe.target.scales):  # type: ignore[attr-defined]
            print_info(f"certifying {probe} at scale {scale}")
            certificates.append(
                certify_probe(
                    probe,
                    scale,
                    registry(),
                    Store(store),
                    items=items,
                    focus=bool(scales) or scale == "quick",
                    controls=controls or (),
                    device=device,
                    watch=progress.update,
                )
            )
    if as_json:
        print_json([{**cert.model_dump(mode="json"), "passed": cert.passed} for cert in certificates])
    else:
        for certificate in certificates:
            verdict = "passed" if certificate.passed else "FAILED"
            print_output(f"{certificate.probe}, scale {certificate.scale}: {verdict}")
            for check in certificate.checks:
                print_output(f"  {check.name:12} {STATUSES[check.holds]:6} {check.evidence}")
            print_shortcuts(certificate)
            if certificate.counterexample:
                print_output(f"  counterexample: {certificate.counterexample}")
    if not all(certificate.passed for certificate in certificates):
        raise typer.Exit(1)


def print_shortcuts(certificate: Certificate) -> None:
    """Print the table of the battery, if it was run, and what does not apply."""
    from probekit.battery.floor import HEADS, find_metric, list_inapplicable, make_rows

    if not certificate.shortcuts:
        return
    metric = find_metric(certificate.shortcuts)
    rows = make_rows(certificate.shortcuts, metric)
    print_table(f"shortcuts, by score in {metric}", HEADS, rows)
    for reason, names in list_inapplicable(certificate.shortcuts).items():
        print_output(f"  not applicable ({reason}): {', '.join(names)}")
