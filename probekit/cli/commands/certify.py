"""`probekit certify` shows the evidence that a probe is unambiguous, well-posed and focused."""

from __future__ import annotations

from typing import Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import note, tell
from probekit.cli.options import Kept
from probekit.cli.progress import Progress
from probekit.cli.table import print_json

HOLDS = {True: "holds", False: "FAILS", None: "-"}


def certify(
    probe: Annotated[
        str, typer.Argument(metavar="PROBE", help="As nonlocality or nonlocality(ambiguous=true).")
    ],
    scales: Annotated[
        list[str] | None,
        typer.Option("--scale", help="May be given several times.  [default: all; controls at quick alone]"),
    ] = None,
    items: Annotated[int, typer.Option(min=1, help="Inputs looked at, each scale.")] = 10_000,
    device: Annotated[
        str | None, typer.Option(help="Where the controls are trained: cpu, cuda or mps.")
    ] = None,
    store: Kept = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of certificates.")] = False,
) -> None:
    """Check a probe: one label an input, an oracle that finds it, controls that lack the property and fail.

    The controls that are networks are trained as any structure is, at the scale quick unless others are
    named. A failure is drawn, and the exit code is 1.

    Example: probekit certify nonlocality
    """
    from probekit.catalog.denormals import start_threads
    from probekit.catalog.grammar import Term, parse_term
    from probekit.catalog.part import part
    from probekit.evidence.certify import certify as look
    from probekit.schedule.cores import default_threads
    from probekit.storage.store import Store

    start_threads(default_threads())
    bare = part("probe", Term(parse_term(probe).name, ()), registry())
    found = []
    with Progress() as progress:
        for scale in scales or list(bare.target.scales):  # type: ignore[attr-defined]
            note(f"certifying {probe} at scale {scale}")
            found.append(
                look(
                    probe,
                    scale,
                    registry(),
                    Store(store),
                    items=items,
                    focus=bool(scales) or scale == "quick",
                    device=device,
                    watch=progress.watch,
                )
            )
    if as_json:
        print_json([{**c.model_dump(mode="json"), "passed": c.passed} for c in found])
    else:
        for certificate in found:
            verdict = "passed" if certificate.passed else "FAILED"
            tell(f"{certificate.probe}, scale {certificate.scale}: {verdict}")
            for check in certificate.checks:
                tell(f"  {check.name:12} {HOLDS[check.holds]:6} {check.evidence}")
            if certificate.counterexample:
                tell(f"  counter-example: {certificate.counterexample}")
    if not all(certificate.passed for certificate in found):
        raise typer.Exit(1)
