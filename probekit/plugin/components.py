"""A component is one thing that a plugin registers: kind, name, address and a line about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from probekit.plain import make_plain

Kind = Literal[
    "probe",
    "structure",
    "layer",
    "combinator",
    "encoding",
    "trainer",
    "optimiser",
    "metric",
    "scale",
    "control",
    "executor",
    "observer",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
ADDITIONS: tuple[Kind, ...] = ("metric", "scale", "control")
"""The kinds that extend a probe."""
NAME_PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
ADDRESS_PATTERN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Component:
    """A name and an address; the module is imported when the component is used.

    Args:
        kind: one of `KINDS`.
        name: lower-case words joined by hyphens, as typed on the command line.
        target: "module:attribute", or the class or function itself.
        about: the line that `probekit list` shows.
        plugin: the name of the plugin's entry point; the registry sets it.
        tags: for a probe, the abilities that it needs in the words of theory, as "content addressing".
        probe: for a metric, a scale or a control, the name or the plugin/name of the probe that it extends.

    Raises:
        ValueError: a field is not valid.
    """

    kind: Kind
    name: str
    target: str | Callable[..., Any]
    about: str
    plugin: str = ""
    tags: tuple[str, ...] = ()
    probe: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is none of {', '.join(KINDS)}")
        if not isinstance(self.name, str) or not NAME_PATTERN.fullmatch(self.name):
            raise ValueError(f"name {self.name!r} is not lower-case words joined by hyphens")
        if isinstance(self.target, str):
            if not ADDRESS_PATTERN.fullmatch(self.target):
                raise ValueError(f"target {self.target!r} of {self.name} is not 'module:attribute'")
        elif not callable(self.target):
            raise ValueError(f"target of {self.name} is neither an address nor callable")
        if not isinstance(self.about, str):
            raise ValueError(f"about of {self.name} is not text")
        if not all(isinstance(tag, str) for tag in self.tags):
            raise ValueError(f"tags of {self.name} are not text")
        if not isinstance(self.probe, str) or bool(self.probe) != (self.kind in ADDITIONS):
            needs = "names no probe" if self.kind in ADDITIONS else f"has a probe, which no {self.kind} has"
            raise ValueError(f"{self.kind} {self.name} {needs}")
        object.__setattr__(self, "about", make_plain(self.about))
        object.__setattr__(self, "tags", tuple(map(make_plain, self.tags)))

    @property
    def long_name(self) -> str:
        """The name that is never ambiguous: plugin/name."""
        return f"{self.plugin}/{self.name}"
