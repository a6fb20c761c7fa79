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
from probekit.catalog.ranges import Range, range_of
from probekit.components import Kind
from probekit.errors import ProbekitError, UsageError, did_you_mean
from probekit.interfaces import Value

HANDED: Mapping[Kind, frozenset[str]] = {
    "probe": frozenset(),
    "structure": frozenset({"shape", "width", "layer"}),
    "layer": frozenset({"channels", "size", "encoding", "shared", "causal"}),
    "encoding": frozenset({"channels", "size", "heads", "keys", "values"}),
    "trainer": frozenset(),
    "executor": frozenset(),
}
"""What a host hands to each kind of component, and nobody types."""

STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


class Parameter(NamedTuple):
    """A parameter as `probekit show` prints it: all text, the default "" where it is required.

    range: what a number may be, in words; "" where its type states none.
    """

    name: str
    type: str
    default: str
    range: str = ""


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
    known = _by_name(target, skip)
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
    scope, stated = _scope(target), ranges(target, skip)
    return [
        Parameter(
            name,
            _type_text(parameter, scope),
            ""
            if parameter.default is parameter.empty
            else write(parameter.default)
            if _writable(parameter.default)
            else repr(parameter.default),
            str(stated.get(name, "")),
        )
        for name, parameter in _by_name(target, skip).items()
    ]


def ranges(target: Callable[..., Any], skip: Collection[str]) -> dict[str, Range]:
    """Return the ranges that the types of parameters state, by name."""
    scope = _scope(target)
    found = {name: range_of(_annotation(one, scope)) for name, one in _by_name(target, skip).items()}
    return {name: stated for name, stated in found.items() if stated is not None}


def _signature(target: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(target)
    except (TypeError, ValueError) as error:
        raise ProbekitError(f"the parameters of {target!r}", f"there is no signature ({error})") from error


def _by_name(target: Callable[..., Any], skip: Collection[str]) -> dict[str, inspect.Parameter]:
    """Return what can be typed: neither handed over by the host, nor positional without a default."""
    return {
        name: parameter
        for name, parameter in _signature(target).parameters.items()
        if name not in skip
        and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and (parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty)
    }


def _takes_anything(target: Callable[..., Any]) -> bool:
    return any(one.kind is one.VAR_KEYWORD for one in _signature(target).parameters.values())


def _scope(target: Any) -> dict[str, Any]:
    """Return the globals in which the target's annotations were written."""
    if isinstance(target, functools.partial):
        return _scope(target.func)
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    found: dict[str, Any] = getattr(function, "__globals__", {})
    return found


def _annotation(parameter: inspect.Parameter, scope: dict[str, Any], extras: bool = True) -> Any:
    """Return a parameter's type; where none is written or can be resolved, the type of its default.

    extras: with the constraints that `Annotated` adds.
    """
    holder = SimpleNamespace(__annotations__={"it": parameter.annotation})
    if parameter.annotation is not parameter.empty:
        try:
            return typing.get_type_hints(holder, globalns=scope, include_extras=extras)["it"]
        except (NameError, AttributeError, TypeError, SyntaxError):
            pass  # a name imported for type checkers alone
    return type(parameter.default) if isinstance(parameter.default, str | int | float) else Value


def _checked(parameter: inspect.Parameter, scope: dict[str, Any], value: Value, what: str) -> Value:
    annotation = _annotation(parameter, scope)
    try:
        adapter: TypeAdapter[Value] = TypeAdapter(annotation, config=STRICT)
    except PydanticUserError:  # a type pydantic can say nothing about
        adapter = TypeAdapter(Value, config=STRICT)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        wanted = dict.fromkeys(one["msg"].removeprefix("Input ") for one in error.errors(include_url=False))
        stated = str(range_of(annotation) or "")
        raise UsageError(
            f"{what} with {parameter.name}={write(value)}",
            f"{parameter.name} {' or '.join(wanted)}",
            f"Its type is {', '.join(filter(None, (_type_text(parameter, scope), stated)))}.",
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
    names = list(_by_name(target, skip))
    if name in skip:
        return f"{name} is handed over by what hosts it."
    if not names:
        return "It has no parameters."
    near = did_you_mean(name, names)
    return near if near.startswith("There are") else f"{near} It has {', '.join(names)}."


def _type_text(parameter: inspect.Parameter, scope: dict[str, Any]) -> str:
    """Return a type as it is written, what `Annotated` adds left out."""
    if parameter.annotation is parameter.empty:
        return type(parameter.default).__name__ if isinstance(parameter.default, str | int | float) else "any"
    bare = _annotation(parameter, scope, extras=False)
    if bare == _annotation(parameter, scope):
        return parameter.annotation if isinstance(parameter.annotation, str) else _name(parameter.annotation)
    inner = typing.get_args(bare) if typing.get_origin(bare) is typing.Union else (bare,)
    return " | ".join("None" if one is type(None) else _name(one) for one in inner)


def _name(annotation: Any) -> str:
    return inspect.formatannotation(annotation).replace("typing.", "")
