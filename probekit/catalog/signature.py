"""Parameters come from a component's signature: names and types are checked, defaults filled in."""

from __future__ import annotations

import functools
import inspect
import math
import typing
from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeGuard

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from probekit.catalog.ranges import Range, read_range
from probekit.catalog.terms import format_value
from probekit.plugin.components import Kind
from probekit.plugin.errors import ProbekitError, UsageError, did_you_mean
from probekit.plugin.interfaces import Value

HOST_ARGUMENTS: Mapping[Kind, frozenset[str]] = {
    "probe": frozenset(),
    "structure": frozenset({"shape", "width", "layer"}),
    "layer": frozenset({"channels", "size", "encoding", "shared", "causal"}),
    "combinator": frozenset({"channels", "size", "layers", "shared", "causal", "place"}),
    "encoding": frozenset({"channels", "size", "heads", "keys", "values"}),
    "trainer": frozenset({"build_optimiser"}),
    "optimiser": frozenset({"params", "lr", "weight_decay"}),
    "metric": frozenset({"probe"}),
    "scale": frozenset(),
    "control": frozenset({"probe"}),
    "executor": frozenset(),
    "observer": frozenset(),
}
"""Arguments that the host passes to each kind of component; users cannot type them."""

STRICT = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


class Parameter(NamedTuple):
    """A parameter as `probekit show` prints it, all in text.

    Args:
        name: its name.
        type: its type.
        default: its default, "" if it is required.
        range: the range of a number in words, "" if its type states none.
    """

    name: str
    type: str
    default: str
    range: str = ""


def fill_parameters(
    target: Callable[..., Any], values: Mapping[str, Value], label: str, skip: Collection[str]
) -> dict[str, Value]:
    """Return the values of all parameters of a class or function: those given, and defaults for the rest.

    Parameters are those that are keyword-only or have a default. If the target takes **kwargs, unknown names
    pass unchecked. Defaults that the grammar cannot write (tuples, inf, objects) are left to the target.

    Args:
        target: the class or function.
        values: the values that the user typed, by name.
        label: the name of the target in errors, as "layer 'lambda'".
        skip: names of arguments that the host passes.

    Returns:
        Values by name, sorted by name.

    Raises:
        UsageError: a name is unknown or missing, or a value has another type; an int is also a float.
    """
    parameters = _get_parameters(target, skip)
    scope = _get_scope(target)
    filled: dict[str, Value] = {}
    for name, value in values.items():
        if name in parameters:
            filled[name] = _check_value(parameters[name], scope, value, label)
        elif name not in skip and _takes_kwargs(target):
            filled[name] = value
        else:
            request = f"{label} with {name}={format_value(value)}"
            raise UsageError(request, "it has no such parameter", _suggest_names(name, target, skip))
    for name, parameter in parameters.items():
        if name in values:
            continue
        if parameter.default is parameter.empty:
            raise UsageError(label, f"it needs {name}", f"Write {name}=... in its brackets.")
        if _is_writable(parameter.default):
            filled[name] = _convert_default(parameter, scope)
    return dict(sorted(filled.items()))


def describe_parameters(target: Callable[..., Any], skip: Collection[str]) -> list[Parameter]:
    """Return the parameters of a class or function, in the order of its signature."""
    scope, limits = _get_scope(target), read_ranges(target, skip)
    return [
        Parameter(
            name,
            _format_type(parameter, scope),
            _format_default(parameter),
            str(limits.get(name, "")),
        )
        for name, parameter in _get_parameters(target, skip).items()
    ]


def _format_default(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return ""
    return format_value(parameter.default) if _is_writable(parameter.default) else repr(parameter.default)


def read_ranges(target: Callable[..., Any], skip: Collection[str]) -> dict[str, Range]:
    """Return the ranges of the parameters whose types state one, by name."""
    scope, parameters = _get_scope(target), _get_parameters(target, skip)
    limits = {name: read_range(_get_annotation(parameter, scope)) for name, parameter in parameters.items()}
    return {name: limit for name, limit in limits.items() if limit is not None}


def _get_signature(target: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(target)
    except (TypeError, ValueError) as error:
        raise ProbekitError(f"the parameters of {target!r}", f"there is no signature ({error})") from error


def _get_parameters(target: Callable[..., Any], skip: Collection[str]) -> dict[str, inspect.Parameter]:
    """Return the parameters that users can type: not in `skip`, and keyword-only or with a default."""
    return {
        name: parameter
        for name, parameter in _get_signature(target).parameters.items()
        if name not in skip
        and parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and (parameter.kind is parameter.KEYWORD_ONLY or parameter.default is not parameter.empty)
    }


def _takes_kwargs(target: Callable[..., Any]) -> bool:
    parameters = _get_signature(target).parameters.values()
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def _get_scope(target: Any) -> dict[str, Any]:
    """Return the globals for the names in the target's annotations."""
    if isinstance(target, functools.partial):
        return _get_scope(target.func)
    function = inspect.unwrap(target.__init__ if inspect.isclass(target) else target)
    scope: dict[str, Any] = getattr(function, "__globals__", {})
    return scope


def _get_annotation(parameter: inspect.Parameter, scope: dict[str, Any], extras: bool = True) -> Any:
    """Return a parameter's type; if it is missing or cannot be resolved, the type of its default.

    Args:
        parameter: the parameter.
        scope: the globals for names in its annotation.
        extras: whether to keep the constraints of `Annotated`.
    """
    holder = SimpleNamespace(__annotations__={"it": parameter.annotation})
    if parameter.annotation is not parameter.empty:
        try:
            return typing.get_type_hints(holder, globalns=scope, include_extras=extras)["it"]
        except (NameError, AttributeError, TypeError, SyntaxError):
            pass  # the name is imported only for type checkers
    return type(parameter.default) if isinstance(parameter.default, str | int | float) else Value


def _check_value(parameter: inspect.Parameter, scope: dict[str, Any], value: Value, label: str) -> Value:
    annotation = _get_annotation(parameter, scope)
    try:
        adapter: TypeAdapter[Value] = TypeAdapter(annotation, config=STRICT)
    except PydanticUserError:  # pydantic does not know the type
        adapter = TypeAdapter(Value, config=STRICT)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        requirements = dict.fromkeys(detail["msg"].removeprefix("Input ") for detail in details)
        limits = str(read_range(annotation) or "")
        raise UsageError(
            f"{label} with {parameter.name}={format_value(value)}",
            f"{parameter.name} {' or '.join(requirements)}",
            f"Its type is {', '.join(filter(None, (_format_type(parameter, scope), limits)))}.",
        ) from None


def _convert_default(parameter: inspect.Parameter, scope: dict[str, Any]) -> Value:
    """Convert a default as if it was typed, so that `rate=1` and an omitted default of 1 are the same run."""
    try:
        return _check_value(parameter, scope, parameter.default, "")
    except UsageError:  # as in `depth: int = None`
        default: Value = parameter.default
        return default


def _is_writable(value: object) -> TypeGuard[Value]:
    return (
        value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
    )


def _suggest_names(name: str, target: Callable[..., Any], skip: Collection[str]) -> str:
    if name in skip:
        return f"Its host passes {name}."
    if not (names := list(_get_parameters(target, skip))):
        return "It has no parameters."
    suggestion = did_you_mean(name, names)
    return suggestion if suggestion.startswith("There are") else f"{suggestion} It has {', '.join(names)}."


def _format_type(parameter: inspect.Parameter, scope: dict[str, Any]) -> str:
    """Return a type as text, without the constraints of `Annotated`."""
    if parameter.annotation is parameter.empty:
        return type(parameter.default).__name__ if isinstance(parameter.default, str | int | float) else "any"
    annotation = parameter.annotation
    bare = _get_annotation(parameter, scope, extras=False)
    if bare == _get_annotation(parameter, scope):
        return annotation if isinstance(annotation, str) else _format_annotation(annotation)
    options = typing.get_args(bare) if typing.get_origin(bare) is typing.Union else (bare,)
    return " | ".join("None" if option is type(None) else _format_annotation(option) for option in options)


def _format_annotation(annotation: Any) -> str:
    return inspect.formatannotation(annotation).replace("typing.", "")


def takes_channels(target: Callable[..., Any]) -> bool:
    """Tell a layer from a structure by its signature: a layer's first two parameters are channels and size.

    A structure's first one is a shape, or its width or layer. One that cannot be read is a structure's.
    """
    names = _read_parameter_names(target)
    return names[:1] == ["channels"] or names[1:2] == ["size"]


def takes_layers(target: Callable[..., Any]) -> bool:
    """Tell a combinator from a layer by its signature: its first three parameters end with layers."""
    return _read_parameter_names(target)[2:3] == ["layers"]


def _read_parameter_names(target: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(target).parameters)
    except (TypeError, ValueError):
        return []
