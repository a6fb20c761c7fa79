"""Renamed modules, names and fields of 0.1 work for one version, each with a DeprecationWarning."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from importlib.abc import Loader

Renamed = TypeVar("Renamed")
MODULES = {
    "probekit.asked": "probekit.plugin.masked",
    **{
        f"probekit.{name}": f"probekit.plugin.{name}"
        for name in (
            "axis",
            "components",
            "controls",
            "encodings",
            "errors",
            "executor",
            "hookspecs",
            "interfaces",
            "items",
            "steps",
            "stop",
        )
    },
}
"""Modules of 0.1 that plugins could rely on, with their modules of 0.2."""
NAMES: dict[str, dict[str, str]] = {
    "probekit.asked": {
        "asked": "query_mask",
        "answer": "predict_classes",
        "right": "is_correct",
        "share": "masked_accuracy",
        "whole": "exact_match",
        "accuracy": "make_accuracy",
        "exact": "make_exact_match",
    },
    "probekit.executor": {"Ended": "WorkerExit"},
    "probekit.items": {
        "batch": "read_batch",
        "resident": "move_to_device",
        "batches": "iterate_batches",
        "materialised": "draw_split",
    },
    "probekit.steps": {"listen": "listen_to_steps", "FIRST": "FIRST_STEPS"},
}
"""Names of 0.1 by their module, with their names of 0.2."""


class RenamedModule(ModuleType):
    """A module of 0.1: each of its names is one of its module of 0.2."""

    def __getattr__(self, name: str) -> Any:
        """Return what a name of 0.1 names now."""
        if name.startswith("__"):
            raise AttributeError(name)
        module = import_module(MODULES[self.__name__])
        return getattr(module, NAMES.get(self.__name__, {}).get(name, name))


class RenamedModuleFinder:
    """Imports modules by their names of 0.1.

    It has no base class: `importlib.abc` imports modules that a plugin's may shadow, `random` among them.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a module of 0.1; None for any other one."""
        return ModuleSpec(name, cast("Loader", self)) if name in MODULES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return a module of 0.1."""
        return RenamedModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Warn of the old name."""
        new = MODULES[module.__name__]
        warn_of(f"the module {module.__name__}", f"import {new}")


def warn_of(old: str, hint: str) -> None:
    """Warn that something of 0.1 goes with 0.3."""
    warnings.warn(f"{old} goes with probekit 0.3; {hint}", DeprecationWarning, stacklevel=3)


def rename_fields(fields: Mapping[str, str]) -> Callable[[type[Renamed]], type[Renamed]]:
    """Return a class decorator that accepts and returns fields by their names of 0.1.

    Args:
        fields: Names of 0.2 by names of 0.1.
    """

    def decorate(cls: type[Renamed]) -> type[Renamed]:
        make = cls.__init__

        @functools.wraps(make)
        def make_renamed(self: Any, *values: Any, **options: Any) -> None:
            for old, new in fields.items():
                if old in options:
                    warn_of(f"{cls.__name__}({old}=...)", f"type {new}=")
                    options[new] = options.pop(old)
            make(self, *values, **options)

        def get_renamed(self: Any, name: str) -> Any:
            if name not in fields:
                raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")
            warn_of(f"{cls.__name__}.{name}", f"type .{fields[name]}")
            return getattr(self, fields[name])

        setattr(cls, "__init__", make_renamed)  # noqa: B010 - mypy takes it for a method of one class
        setattr(cls, "__getattr__", get_renamed)  # noqa: B010
        return cls

    return decorate


def install_finder() -> None:
    """Let modules be imported by their names of 0.1."""
    if not any(isinstance(finder, RenamedModuleFinder) for finder in sys.meta_path):
        sys.meta_path.append(RenamedModuleFinder())
