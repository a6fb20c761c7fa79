"""A part is a component with its parameters filled in, ready to be built."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from probekit.catalog.files import FILE_PLUGIN, PYTHON_PLUGIN, pin_file_name
from probekit.catalog.grammar import PARAMETER_HINT, Term, quote_excerpt
from probekit.catalog.modules import FAULT_HINTS, find_fault
from probekit.catalog.plugin_code import guard_plugin_code
from probekit.catalog.registry import Registry
from probekit.catalog.signature import HOST_ARGUMENTS, fill_parameters
from probekit.plugin.components import Component, Kind
from probekit.plugin.errors import ProbekitError, UsageError, describe_error, suggest_install
from probekit.plugin.interfaces import Probe, Value
from probekit.renamed import warn_of

REQUIRED_MEMBERS: Mapping[Kind, tuple[str, ...]] = {
    "probe": ("property", "shape", "metrics", "structure", "data", "loss", "oracle", "controls"),
    "layer": ("forward", "parameters"),
    "combinator": ("forward", "parameters"),
    "trainer": ("fit", "state_dict"),
    "optimiser": ("step", "param_groups", "state_dict"),
    "metric": ("better", "perfect", "score"),
    "scale": ("parameters", "recipe"),
}
"""Attributes that an instance must have."""
OUT_OF_SIZE = ("overflow", "can't allocate memory", "out of memory")
"""Parts of messages of Python and torch for sizes beyond any machine."""


@dataclass(frozen=True, slots=True)
class Part:
    """A component, its target and its parameters.

    Args:
        component: the component.
        name: its shortest name that is not ambiguous.
        target: the class or function.
        params: all its parameters; `with_params` fills them in.
        layers: the layers of a combinator, in order.
        optimiser: the optimiser that a trainer hosts.
    """

    component: Component
    name: str
    target: Callable[..., Any]
    params: Mapping[str, Value] = field(default_factory=dict)
    layers: tuple[Hosted, ...] = ()
    optimiser: Part | None = None

    @property
    def display_name(self) -> str:
        """The name as users type it: that of a file without its hash."""
        return self.name.partition("@")[0]

    def with_params(self, params: Mapping[str, Value]) -> Part:
        """Return the part with these parameters and defaults for the rest.

        Raises:
            UsageError: a parameter is unknown, missing or of another type.
        """
        kind = self.component.kind
        label = f"{kind} {self.display_name!r}"
        return replace(self, params=fill_parameters(self.target, params, label, HOST_ARGUMENTS[kind]))

    @property
    def text(self) -> str:
        """The canonical text."""
        return str(self.term)

    @property
    def term(self) -> Term:
        """The term of the part, without `added_parameters` that have their defaults."""
        added = {
            name: self.free_parameters[name].default
            for name in getattr(self.target, "added_parameters", ())
            if name in self.free_parameters
        }
        stated = {name: value for name, value in self.params.items() if added.get(name, ...) != value}
        return Term(self.name, tuple(stated.items()), tuple(hosted.terms for hosted in self.layers))

    @property
    def free_parameters(self) -> dict[str, inspect.Parameter]:
        """The parameters of the target that are not bound, as by a partial."""
        bound = self.target.keywords if isinstance(self.target, functools.partial) else {}
        parameters = inspect.signature(self.target).parameters
        return {name: parameters[name] for name in parameters if name not in bound}

    def accepts(self, name: str) -> bool:
        """Return whether the target takes an argument of this name.

        Of a class with `**options`, its base classes decide: they receive what it does not take itself.
        """
        bases = self.target.__mro__[1:] if isinstance(self.target, type) else ()
        initialisers = (vars(base)["__init__"] for base in bases if "__init__" in vars(base))
        signatures = (inspect.signature(initialiser).parameters for initialiser in initialisers)
        for parameters in (self.free_parameters, *signatures):
            if name in parameters:
                return True
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
                return False
        return True

    def make(self, *args: Any, **kwargs: Any) -> Any:
        """Build the component: call the target with its parameters and the arguments of its host.

        Raises:
            UsageError: the sizes are beyond any machine.
            ProbekitError: the target raises, or builds an object of another kind; the error names the plugin.
        """
        kind, plugin = self.component.kind, self.component.plugin
        if self.optimiser is not None:
            kwargs["build_optimiser"] = self.optimiser.make
        request = f"{kind} {self.text}" + ("" if plugin == FILE_PLUGIN else f" of plugin {plugin}")
        try:
            with guard_plugin_code():
                built = self.target(*args, **kwargs, **self.params)
        except (ProbekitError, KeyboardInterrupt):
            raise
        except BaseException as error:
            hint = (
                suggest_install(error) or f"`probekit show {kind} {self.display_name}` lists its parameters."
            )
            if kind == "layer" and args and (advice := suggest_heads(self.params, args[0])):
                hint = advice
            if kind == "structure" and plugin in (FILE_PLUGIN, PYTHON_PLUGIN) and args:
                hint = "A layer's first two parameters are called channels and size, a structure's is shape."
            if isinstance(error, TypeError) and "required positional argument" in str(error):
                hint = "In its signature, put the parameters that users type after a `*`, with a default."
            hint = next(
                (advice for message, advice in FAULT_HINTS.items() if message in describe_error(error)), hint
            )
            if isinstance(error, MemoryError) or any(
                word in describe_error(error).lower() for word in OUT_OF_SIZE
            ):
                raise UsageError(
                    request, "its sizes are too large for any machine", "Choose smaller ones."
                ) from error
            problem = f"it could not be built ({describe_error(error)})"
            raise ProbekitError(request, problem, hint) from error
        if problem_and_hint := find_fault(built):
            raise ProbekitError(request, *problem_and_hint)
        missing_names = [name for name in REQUIRED_MEMBERS.get(kind, ()) if not hasattr(built, name)]
        if kind == "probe" and not isinstance(built, Probe):
            problem = f"it built a {type(built).__name__}, which does not inherit from probekit.Probe"
            raise ProbekitError(request, problem, "Inherit from it; `probekit new probe` shows how.")
        if missing_names:
            problem = f"it built a {type(built).__name__}, which has no {', '.join(missing_names)}"
            hint = f"probekit.plugin.interfaces describes what a {kind} needs."
            raise ProbekitError(request, problem, hint)
        return built


@dataclass(frozen=True, slots=True)
class Hosted:
    """A layer with its encoding, or a combinator: what a host or a combinator builds in.

    Args:
        layer: the layer or combinator.
        encoding: the encoding of the layer.
    """

    layer: Part
    encoding: Part | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The layer, and its encoding if it has one."""
        return (self.layer,) if self.encoding is None else (self.layer, self.encoding)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the parts."""
        return tuple(part.term for part in self.parts)

    def walk(self) -> Iterator[Hosted]:
        """Yield this, and all that a combinator contains, in the order of the text."""
        yield self
        for hosted in self.layer.layers:
            yield from hosted.walk()

    def map_parts(self, change: Callable[[Part], Part]) -> Hosted:
        """Return the same with each part changed, those within a combinator too."""
        layers = tuple(hosted.map_parts(change) for hosted in self.layer.layers)
        encoding = self.encoding and change(self.encoding)
        return Hosted(change(replace(self.layer, layers=layers)), encoding)


def suggest_heads(params: Mapping[str, Value], channels: object) -> str:
    """Return what to type if a number of heads or groups does not divide the channels, else ""."""
    for name, value in params.items():
        is_shared = any(word in name for word in ("head", "group"))
        if is_shared and isinstance(value, int) and isinstance(channels, int) and value and channels % value:
            fitting = " or ".join(map(str, list_divisors(channels)))
            return (
                f"It gets {channels} channels, which {name}={value} does not divide: type {name}={fitting}."
                f" With a static method width_step(**params) that returns {name}, probekit chooses the width."
            )
    return ""


def list_divisors(number: int) -> list[int]:
    """Return the divisors of a positive number, in order."""
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


@functools.cache
def inherit_probe(target: Any) -> Any:
    """Return a probe's class of 0.1, which inherits from no base class, as a subclass of `probekit.Probe`."""
    warn_of(f"a probe without a base class, {target.__qualname__},", "inherit from probekit.Probe")
    names = {name: getattr(target, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(target.__name__, (target, Probe), names)


def find_part(kind: Kind, name: str, registry: Registry) -> Part:
    """Find a component and load its target.

    Raises:
        UsageError: the name is unknown or ambiguous.
        ProbekitError: the target cannot be loaded or called.
    """
    component = registry.find_component(kind, name)
    target = registry.load_target(component)
    if not callable(target):
        raise ProbekitError(f"{kind} {name!r}", f"{component.target} is not callable", "Fix the plugin.")
    if kind == "probe" and isinstance(target, type) and not issubclass(target, Probe):
        target = inherit_probe(cast(Any, target))
    if component.plugin == FILE_PLUGIN:
        return Part(component, pin_file_name(component, name), target)
    namesakes = [c for c in registry.components(kind) if c.name == component.name]
    return Part(component, component.name if len(namesakes) == 1 else component.long_name, target)


def resolve_part(kind: Kind, term: Term, registry: Registry) -> Part:
    """Return the part of one term.

    Raises:
        UsageError: the name or one of its parameters is unknown.
    """
    if term.layers and kind != "combinator":
        problem = "it has layers in its brackets, which only a combinator takes"
        raise UsageError(f"{kind} {quote_excerpt(str(term))}", problem, PARAMETER_HINT)
    return find_part(kind, term.name, registry).with_params(dict(term.params))
