"""A part is a component found by its name, with its parameters filled in, ready to be made."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from probekit.catalog.files import PLUGIN, pinned
from probekit.catalog.grammar import Term
from probekit.catalog.guest import hosted
from probekit.catalog.modules import SAID, fault
from probekit.catalog.registry import Registry
from probekit.catalog.signature import HANDED, fill
from probekit.components import Component, Kind
from probekit.errors import ProbekitError, UsageError, missing, reason
from probekit.interfaces import Value

PROMISED: Mapping[Kind, tuple[str, ...]] = {
    "probe": ("property", "version", "shape", "metrics", "structure", "data", "loss", "oracle", "controls"),
    "layer": ("forward", "parameters"),
    "trainer": ("fit", "state_dict"),
}
"""What is asked of a thing that was made, before anything is done with it."""
BEYOND = ("overflow", "can't allocate memory", "out of memory")
"""How Python and torch say that sizes are more than a machine holds."""


@dataclass(frozen=True, slots=True)
class Part:
    """A component with its target, the shortest name that is not ambiguous, and its parameters.

    params: none before `given` has filled them in.
    """

    component: Component
    name: str
    target: Callable[..., Any]
    params: Mapping[str, Value] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Return the name as people type it: of a file without its hash."""
        return self.name.partition("@")[0]

    def given(self, params: Mapping[str, Value]) -> Part:
        """Return it with these parameters, and defaults for the rest; raises UsageError for unknown ones."""
        kind = self.component.kind
        return replace(self, params=fill(self.target, params, f"{kind} {self.shown!r}", HANDED[kind]))

    @property
    def text(self) -> str:
        """Return the canonical text of the term."""
        return str(Term(self.name, tuple(sorted(self.params.items()))))

    @property
    def open(self) -> dict[str, inspect.Parameter]:
        """Return what the target can be handed: its signature but for what a partial has bound by name."""
        bound = self.target.keywords if isinstance(self.target, functools.partial) else {}
        taken = inspect.signature(self.target).parameters
        return {name: taken[name] for name in taken if name not in bound}

    def accepts(self, name: str) -> bool:
        """Tell whether the target takes an argument of this name."""
        return name in self.open or any(p.kind is p.VAR_KEYWORD for p in self.open.values())

    def make(self, *args: Any, **kwargs: Any) -> Any:
        """Call the target with the parameters besides what its host hands over; what it prints is no answer.

        Raises ProbekitError, naming the plugin, where the target raises anything that is not one, or makes
        what is no such thing.
        """
        kind, plugin = self.component.kind, self.component.plugin
        asked = f"{kind} {self.text}" + ("" if plugin == PLUGIN else f" of plugin {plugin}")
        try:
            with hosted():
                made = self.target(*args, **kwargs, **self.params)
        except (ProbekitError, KeyboardInterrupt):
            raise
        except BaseException as error:
            hint = missing(error) or f"`probekit show {kind} {self.shown}` says what it takes."
            if isinstance(error, TypeError) and "required positional argument" in str(error):
                hint = "Put what is to be typed in brackets after a `*` in its signature, with a default."
            hint = next((write for said, write in SAID.items() if said in reason(error)), hint)
            if isinstance(error, MemoryError) or any(word in reason(error).lower() for word in BEYOND):
                raise UsageError(
                    asked, "its sizes are beyond what any machine holds", "Ask for less."
                ) from error
            found = f"it could not be built ({reason(error)})"
            raise ProbekitError(asked, found, hint) from error
        if wrong := fault(made):
            raise ProbekitError(asked, *wrong)
        lacks = [name for name in PROMISED.get(kind, ()) if not hasattr(made, name)]
        if lacks:
            found = f"it made a {type(made).__name__}, which has no {', '.join(lacks)}"
            hint = f"probekit.interfaces says what a {kind} promises."
            raise ProbekitError(asked, found, hint)
        return made


def find(kind: Kind, name: str, registry: Registry) -> Part:
    """Find what a name stands for; raises UsageError where it is unknown or stands for several things."""
    component = registry.find(kind, name)
    target = registry.target(component)
    if not callable(target):
        raise ProbekitError(f"{kind} {name!r}", f"{component.target} is not callable", "Mend the plugin.")
    if component.plugin == PLUGIN:
        return Part(component, pinned(component, name), target)
    twins = [c for c in registry.components(kind) if c.name == component.name]
    return Part(component, component.name if len(twins) == 1 else component.long_name, target)


def part(kind: Kind, term: Term, registry: Registry) -> Part:
    """Resolve one term; raises UsageError where the name, or a parameter of it, is unknown."""
    return find(kind, term.name, registry).given(dict(term.params))
