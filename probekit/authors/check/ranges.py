"""Check the ranges that a component declares for its numbers: inside it works, outside is rejected."""

from __future__ import annotations

from dataclasses import replace

from probekit.authors.check.base import DoesNotApply, fail, locate_error
from probekit.authors.check.fixture import Fixture
from probekit.catalog.part import Part
from probekit.catalog.signature import HOST_ARGUMENTS, read_ranges
from probekit.catalog.terms import format_value
from probekit.plugin.errors import ProbekitError, UsageError, describe_error
from probekit.plugin.interfaces import Value


def ranges_hold(fixture: Fixture) -> None:
    """Each number's default and both ends of its declared range work; values outside are rejected. If an end
    does not work together with another parameter, a UsageError says so."""
    part = fixture.part
    declared = read_ranges(part.target, HOST_ARGUMENTS[part.component.kind])
    if not declared:
        raise DoesNotApply("no number declares a range, such as pydantic's `rank: PositiveInt = 8`")
    for name, allowed in declared.items():
        default = part.params.get(name)
        if isinstance(default, int | float) and not allowed.contains(default):
            fail(
                f"the default {name}={format_value(default)} is not {allowed}",
                "Change the default or the range.",
            )
    for name, allowed in declared.items():
        for value in allowed.outside_neighbors():
            if is_accepted(part, name, value):
                fail(
                    f"{name} is declared as {allowed}, but {format_value(value)} is accepted",
                    "Declare the range in the type, with constraints of pydantic only.",
                )
        for value in allowed.included_ends():
            try:
                replace(fixture, part=part.with_params({**part.params, name: value})).exercise()
            except UsageError:
                continue
            except Exception as error:
                message = (
                    error.problem
                    if isinstance(error, ProbekitError)
                    else f"it raised {describe_error(error)}"
                )
                fail(
                    f"{name} is declared as {allowed}, but with {name}={format_value(value)} "
                    f"{message}{locate_error(error, fixture)}",
                    "Declare the range in which it works; if that depends on another parameter, raise"
                    " probekit.UsageError.",
                )


def is_accepted(part: Part, name: str, value: Value) -> bool:
    """Tell whether a parameter accepts a value."""
    try:
        part.with_params({**part.params, name: value})
    except UsageError:
        return False
    return True
