"""Reads are what a component's code finds in its process and its sources do not decide: values, by name."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any

from probekit.catalog.code.bindings import Scope, bindings, inside
from probekit.catalog.code.decided import decided, says
from probekit.catalog.code.loads import late, loads
from probekit.catalog.code.sources import RECORDED, known_elsewhere, source_hash
from probekit.catalog.code.values import DEFINED, Opaque, digest

TOLD = frozenset({"scales", "published", "claims", "thresholds", "golden", "expected_failures"})
"""What a class tells people and the planner: what a run takes of it is in the plan's texts."""
ABSENT: Any = object()


class Reads:
    """Walks from a target through the functions and classes of the modules it rests on.

    values: the digest of each value read that is not what the sources say, by where it lies: globals,
    attributes of classes, defaults, what a closure holds. unread: where a value lies that has no digest.
    distributions: those of the functions and classes met that no import names.
    """

    def __init__(self, target: Any, modules: Mapping[str, bytes]) -> None:
        self.modules = modules
        self.values: dict[str, str] = {}
        self.unread: list[str] = []
        self.distributions: dict[str, str] = {}
        self._seen: dict[int, Any] = {}
        self._waiting: list[Any] = []
        self.meet(target)
        while self._waiting:
            self._visit(self._waiting.pop())

    def meet(self, thing: Any) -> None:
        """Visit a function or class, once."""
        if id(thing) not in self._seen:
            self._seen[id(thing)] = thing
            self._waiting.append(thing)

    def _visit(self, thing: Any) -> None:
        if isinstance(thing, staticmethod | classmethod | types.MethodType):
            self.meet(thing.__func__)
        elif isinstance(thing, property):
            for one in filter(None, (thing.fget, thing.fset, thing.fdel)):
                self.meet(one)
        elif isinstance(thing, functools.cached_property):
            self.meet(thing.func)
        elif isinstance(thing, functools.partial):
            self.meet(thing.func)
            self._keep(f"partial {getattr(thing.func, '__qualname__', '')}", (thing.args, thing.keywords))
        elif isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, type):
            self._class(thing)
        elif (wrapped := getattr(thing, "__wrapped__", None)) is not None:
            self.meet(wrapped)

    def _function(self, function: types.FunctionType) -> None:
        home = function.__globals__.get("__name__", "")
        wrapped = function.__dict__.get("__wrapped__")
        if wrapped is not None:
            self.meet(wrapped)
        if function.__code__.co_filename.startswith("<"):  # made of fields, as a dataclass's __init__
            return
        where = f"{home}.{function.__qualname__}"
        if wrapped is not None or home in self.modules:
            self._closure(function, home, where)
        if home not in self.modules:
            self._elsewhere(function, home)
            return
        self._defaults(function, home, where)
        for chain in loads(function.__code__):
            self._chain(function.__globals__, home, chain)
        for module, names in late(function.__code__):
            package = function.__globals__.get("__package__") or ""
            for name in {module, f"{package}.{module}", f"{package.rpartition('.')[0]}.{module}"}:
                if name in self.modules and name in sys.modules:
                    held = vars(sys.modules[name])
                    for one in names:
                        if one in held:
                            self._read(held, name, one)

    def _closure(self, function: types.FunctionType, home: str, where: str) -> None:
        """Keep what a closure holds; of a decorator from elsewhere what it is given tells that."""
        source = self.modules.get(function.__module__)
        node = inside(source, function.__qualname__) if source is not None else None
        told = home not in self.modules and (
            source is None
            or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            or all(
                decided(one, [bindings(source)])
                for each in node.decorator_list
                if isinstance(each, ast.Call)
                for one in (*each.args, *(keyword.value for keyword in each.keywords))
            )
        )
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            held = _held(cell)
            if isinstance(held, DEFINED):
                self.meet(held)
            elif held is not ABSENT and not told:
                self._keep(f"{where}.{name}", held)

    def _defaults(self, function: types.FunctionType, home: str, where: str) -> None:
        given = (function.__defaults__, function.__kwdefaults__)
        if given == (None, None):
            return
        node = inside(self.modules[home], function.__qualname__)
        if node is not None and not isinstance(node, Scope):
            written = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            if all(decided(one, [bindings(self.modules[home])]) for one in written):
                return
        self._keep(f"{where} defaults", given)

    def _class(self, cls: type) -> None:
        home = cls.__module__
        if home not in self.modules:
            self._elsewhere(cls, home)
            return
        for base in (*cls.__bases__, type(cls)):
            if base is not object and base is not type:
                self.meet(base)
        body = inside(self.modules[home], cls.__qualname__)
        known = body if isinstance(body, Scope) else Scope()
        where = f"{home}.{cls.__qualname__}"
        if issubclass(cls, Enum):
            members = {name: one.value for name, one in cls.__members__.items()}
            if not all(says(self.modules, home, name, value, known) for name, value in members.items()):
                self._keep(where, members)
        for name, value in vars(cls).items():
            own = name in known.names
            if isinstance(value, types.FunctionType | staticmethod | classmethod | property | type) or (
                isinstance(value, functools.cached_property) or hasattr(value, "__wrapped__")
            ):
                self.meet(value)
                if not own or name.startswith("__") or not isinstance(value, type | types.FunctionType):
                    continue
            if name.startswith("__") or name in TOLD or (not own and name.startswith("_")):
                continue
            if issubclass(cls, Enum) or _describes(value) or says(self.modules, home, name, value, known):
                continue
            self._keep(f"{where}.{name}", value)

    def _elsewhere(self, thing: Any, home: str) -> None:
        """Note what is defined outside the modules: by its distribution, else by its source."""
        if home.partition(".")[0] in (*RECORDED, *sys.builtin_module_names):
            return
        found = known_elsewhere(home)
        if found is not None:
            self.distributions.update(found)
        elif (source := source_hash(thing)) is not None:
            self.values[f"{home}.{thing.__qualname__}"] = source
        else:
            self.unread.append(f"{home}.{thing.__qualname__}")

    def _chain(self, held: Mapping[str, Any], home: str, chain: tuple[str, ...]) -> None:
        for place, name in enumerate(chain):
            if name not in held:
                return
            value = held[name]
            if not isinstance(value, types.ModuleType):
                self._read(held, home, name)
                return
            if value.__name__ not in self.modules:
                self._says_module(held, home, name)
                return
            held, home = vars(value), value.__name__
            if place == len(chain) - 1:  # handed on: whatever it holds may be read
                for one, several in bindings(self.modules[home]).names.items():
                    if one in held and any(binding.how in ("value", "else") for binding in several):
                        self._read(held, home, one)

    def _says_module(self, held: Mapping[str, Any], home: str, name: str) -> None:
        """Note which module a name stands for where it is not simply imported."""
        several = bindings(self.modules[home]).names.get(name, [])
        if not several or any(one.how != "import" for one in several):
            self._keep(f"{home}.{name}", held[name])

    def _read(self, held: Mapping[str, Any], home: str, name: str) -> None:
        """Take in one global: walk on from what is defined, keep a value that the sources do not decide."""
        value = held[name]
        if (name.startswith("__") and name.endswith("__")) or f"{home}.{name}" in self.values:
            return
        if isinstance(value, DEFINED) or hasattr(value, "__wrapped__"):
            self.meet(value)
        if not says(self.modules, home, name, value):
            self._keep(f"{home}.{name}", value)

    def _keep(self, where: str, value: Any) -> None:
        try:
            self.values[where] = digest(value, self.meet)
        except Opaque:
            self.unread.append(where)


def _held(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return ABSENT


def _describes(value: Any) -> bool:
    """Tell whether a class attribute is how the interpreter reaches a slot or a field."""
    return (
        inspect.ismemberdescriptor(value)
        or inspect.isgetsetdescriptor(value)
        or (type(value).__name__ == "_tuplegetter")
    )
