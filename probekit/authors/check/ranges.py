"""Check the ranges that a component declares for its numbers: inside it works, outside is rejected."""

from __future__ import annotations

from dataclasses import replace

from probekit.authors.check.base import DoesNotApply, fail, locate_error
from probekit.authors.check.fixtures import ModuleFixture
from probekit.authors.check.probe_data import ProbeFixture
from probekit.authors.check.trainer import TrainerFixture
from probekit.catalog.grammar import write
from probekit.catalog.part import Part
from probekit.catalog.signature import HANDED, ranges
from probekit.errors import ProbekitError, UsageError, reason
from probekit.interfaces import Value


def ranges_hold(fixture: ModuleFixture | ProbeFixture | TrainerFixture) -> None:
    """Each number's default and both ends of its declared range work; values outside are rejected. If an end
    does not work together with another parameter, a UsageError says so."""
    part = fixture.part
    declared = ranges(part.target, HANDED[part.component.kind])
    if not declared:
        raise DoesNotApply("no number declares a range, such as pydantic's `rank: PositiveInt = 8`")
    for name, allowed in declared.items():
        default = part.params.get(name)
        if isinstance(default, int | float) and not allowed.holds(default):
            fail(f"the default {name}={write(default)} is not {allowed}", "Change the default or the range.")
    for name, allowed in declared.items():
        for value in allowed.beyond():
            if is_accepted(part, name, value):
                fail(
                    f"{name} is declared as {allowed}, but {write(value)} is accepted",
                    "Declare the range in the type, with constraints of pydantic only.",
                )
        for value in allowed.ends():
            try:
                replace(fixture, part=part.given({**part.params, name: value})).exercise()
            except UsageError:
                continue
            except Exception as error:
                message = error.found if isinstance(error, ProbekitError) else f"it raised {reason(error)}"
                fail(
                    f"{name} is declared as {allowed}, but with {name}={write(value)} "
                    f"{message}{locate_error(error, fixture)}",
                    "Declare the range in which it works; if that depends on another parameter, raise"
                    " probekit.UsageError.",
                )


def is_accepted(part: Part, name: str, value: Value) -> bool:
    """Tell whether a parameter accepts a value."""
    try:
        part.given({**part.params, name: value})
    except UsageError:
        return False
    return True
