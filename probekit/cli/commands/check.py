"""`probekit check` holds a component to what its kind promises."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from probekit.cli.messages import tell
from probekit.cli.table import print_json

SHOWN = {"holds": "holds", "fails": "FAILS", "expected": "expected", "does not apply": "-"}


def check(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="layer, structure, encoding, trainer, probe.")],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As swirl, swirl(heads=2), ./my_layer.py:Swirl.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a component: each promise of its kind holds, or fails with a reason and a hint.

    A failure that the component declares, with a reason, in `expected_failures` is shown as expected. The
    exit code is 1 where a check fails. In a test: probekit.check.checks(kind, name).

    Example: probekit check layer lambda
    """
    from probekit.authors.check import checks

    asked = checks(kind, name)
    room = max(len(one.name) for one in asked)
    found = []
    told: dict[str, str] = {}
    for one in asked:
        found.append(here := one.find())
        if not as_json:
            why = f"{here.reason}. {here.hint}" if here.hint else here.reason
            if here.state == "fails" and (first := told.setdefault(here.reason, one.name)) != one.name:
                why = f"as {first}"
            tell(f"{here.check:{room}}  {SHOWN[here.state]:8}  {why}".rstrip())
    if as_json:
        print_json([dataclasses.asdict(one) for one in found])
    if any(one.state == "fails" for one in found):
        raise typer.Exit(1)
