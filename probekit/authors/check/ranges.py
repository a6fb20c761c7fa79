"""What a component promises of the ranges that its numbers state: within them it works, no more is taken."""

from __future__ import annotations

from dataclasses import replace

from probekit.authors.check.bench import Bench
from probekit.authors.check.data import ProbeBench
from probekit.authors.check.kit import DoesNotApply, fail, place
from probekit.authors.check.trainer import TrainerBench
from probekit.catalog.grammar import write
from probekit.catalog.part import Part
from probekit.catalog.signature import HANDED, ranges
from probekit.errors import ProbekitError, UsageError, reason
from probekit.interfaces import Value


def ranges_hold(bench: Bench | ProbeBench | TrainerBench) -> None:
    """A number's default lies in the range that its type states, and each end of it can be used; or a
    sentence says with what other parameter it cannot. What lies beyond is refused."""
    part = bench.part
    stated = ranges(part.target, HANDED[part.component.kind])
    if not stated:
        raise DoesNotApply("no number states its range, as `rank: PositiveInt = 8` of pydantic does")
    for name, within in stated.items():
        default = part.params.get(name)
        if isinstance(default, int | float) and not within.holds(default):
            fail(f"{name}={write(default)} is its default and not {within}", "Move one of the two.")
    for name, within in stated.items():
        for value in within.beyond():
            if taken(part, name, value):
                fail(
                    f"{name} is said to be {within}, and {write(value)} is taken",
                    "State the range next to the type, with the constraints of pydantic alone.",
                )
        for value in within.ends():
            try:
                replace(bench, part=part.given({**part.params, name: value})).put_to_use()
            except UsageError:
                continue
            except Exception as error:
                found = error.found if isinstance(error, ProbekitError) else f"it raised {reason(error)}"
                fail(
                    f"{name} may be {within}, and with {name}={write(value)} {found}{place(error, bench)}",
                    "State the range in which it works; where that depends on another parameter, raise"
                    " probekit.UsageError.",
                )


def taken(part: Part, name: str, value: Value) -> bool:
    """Tell whether a value can be typed."""
    try:
        part.given({**part.params, name: value})
    except UsageError:
        return False
    return True
