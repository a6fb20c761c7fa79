"""Parameters are read off a component's signature: names checked, types checked, defaults filled in."""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeGuard

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from probekit.catalog.grammar import write
from probekit.components import Kind
from probekit.errors import ProbekitError, UsageError, did_you_mean
from probekit.interfaces import Value

HANDED: Mapping[Kind, frozenset[str]] = {
    "probe": frozenset(),
    "structure": frozenset({"shape", "width", "layer"}),
    "layer": frozenset({"channels", "size", "encoding", "shared"}),
    "encoding": frozenset({"channels", "size", "heads", "keys", "values"}),
    "trainer": frozenset(),
    "executor": frozenset(),
}
"""What a host hands to each kind of component, and nobody types."""

STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


class Parameter(NamedTuple):
    """A parameter as `probekit show` prints it: all text, the default "" where it is required."""

    name: str
    type: str
    default: str


def fill(
    target: Callable[..., Any], given: Mapping[str, Value], what: str, skip: Collection[str]
) -> dict[str, Value]:
    """Return all parameters of a class or function, sorted by name: those given, and defaults for the rest.

    target: keyword-only parameters and those with a default count, but for the names in `skip`, which its
    host hands over. A target that takes **kwargs is given unknown names as they are. Defaults that the
    grammar cannot write (tuples, inf, objects) are left to the target.
    what: how errors call the target, as in "layer 'lambda'".
    Raises UsageError for an unknown or missing name and a value of another type; an int passes for a float.
    """
    known = {parameter.name: parameter for parameter in _parameters(target, skip)}
    scope = _scope(target)
    filled: dict[str, Value] = {}
    for name, value in given.items():
        if name in known:
            filled[name] = _checked(known[name], scope, value, what)
        elif name not in skip and _takes_anything(target):
            filled[name] = value
        else:
            asked = f"{what} with {name}={write(value)}"
            raise UsageError(asked, "it has no such parameter", _offer(name, target, skip))
    for name, parameter in known.items():
        if name in given:
            continue
        if parameter.default is parameter.empty:
            raise UsageError(what, f"it needs {name}", f"Write {name}=... in its brackets.")
        if _writable(parameter.default):
            filled[name] = _like_given(parameter, scope)
    return dict(sorted(filled.items()))


def describe(target: Callable[..., Any], skip: Collection[str]) -> list[Parameter]:
    """Return the parameters that `fill` would accept, in the order of the signature."""
    return [
        Parameter(
            parameter.name,
            _type_text(parameter),
            ""
            if parameter.default is parameter.empty
            else write(parameter.default)
            if _writable(parameter.default)
            else repr(parameter.default),
        )
        for parameter in _parameters(target, skip)
    ]


def _signature(target: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(target)
    except (TypeError, ValueError) as error:
        raise ProbekitError(f"the parameters of {target!r}", f"there is no signature ({error})") from error


def _parameters(target: Callable[..., Any], skip: Collection[str]) -> list[inspect.Parameter]:
    """Return what can be typed: neither handed over by the host, nor positional without a default."""
    return [
        parameter
        for parameter in _signature(target).parameters.values()
        if parameter.name not in skip
        and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and (parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty)
    ]


def _takes_anything(target: Callable[..., Any]) -> bool:
    return any(one.kind is one.VAR_KEYWORD for one in _signature(target).parameters.values())


def _scope(target: Any) -> dict[str, Any]:
    """Return the globals in which the target's annotations were written."""
    if isinstance(target, functools.partial):
        return _scope(target.func)
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    found: dict[str, Any] = getattr(function, "__globals__", {})
    return found


def _annotation(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    """Return a parameter's type; where none is written or can be resolved, the type of its default."""
    holder = SimpleNamespace(__annotations__={"it": parameter.annotation})
    if parameter.annotation is not parameter.empty:
        try:
            return typing.get_type_hints(holder, globalns=scope, include_extras=True)["it"]
        except (NameError, AttributeError, TypeError, SyntaxError):
            pass  # a name imported for type checkers alone
    return type(parameter.default) if isinstance(parameter.default, str | int | float) else Value


def _checked(parameter: inspect.Parameter, scope: dict[str, Any], value: Value, what: str) -> Value:
    try:
        adapter: TypeAdapter[Value] = TypeAdapter(_annotation(parameter, scope), config=STRICT)
    except PydanticUserError:  # a type pydantic can say nothing about
        adapter = TypeAdapter(Value, config=STRICT)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        wanted = dict.fromkeys(one["msg"].removeprefix("Input ") for one in error.errors(include_url=False))
        raise UsageError(
            f"{what} with {parameter.name}={write(value)}",
            f"{parameter.name} {' or '.join(wanted)}",
            f"Its type is {_type_text(parameter)}.",
        ) from None


def _like_given(parameter: inspect.Parameter, scope: dict[str, Any]) -> Value:
    """Return the default as if typed, so that `rate=1` and leaving out a default of 1 are the same run."""
    try:
        return _checked(parameter, scope, parameter.default, "")
    except UsageError:  # as in `depth: int = None`
        default: Value = parameter.default
        return default


def _writable(value: object) -> TypeGuard[Value]:
    return (
        value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    )


def _offer(name: str, target: Callable[..., Any], skip: Collection[str]) -> str:
    names = [parameter.name for parameter in describe(target, skip)]
    if name in skip:
        return f"{name} is handed over by what hosts it."
    if not names:
        return "It has no parameters."
    near = did_you_mean(name, names)
    return near if near.startswith("There are") else f"{near} It has {', '.join(names)}."


def _type_text(parameter: inspect.Parameter) -> str:
    if isinstance(parameter.annotation, str):
        return parameter.annotation
    if parameter.annotation is not parameter.empty:
        return inspect.formatannotation(parameter.annotation).replace("typing.", "")
    return type(parameter.default).__name__ if isinstance(parameter.default, str | int | float) else "any"
