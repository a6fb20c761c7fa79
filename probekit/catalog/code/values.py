"""A value's digest is that of what it holds, as it would be copied; what cannot be copied has none."""

from __future__ import annotations

import copyreg
import functools
import hashlib
import sys
import types
import warnings
from collections.abc import Callable
from enum import Enum
from typing import Any

PLAIN = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), type(NotImplemented))
INERT = frozenset({"typing", "logging", "threading", "_thread", "weakref", "contextvars", "_contextvars"})
"""Modules whose instances (loggers, locks, type variables) decide no result."""
DEFINED = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType)

Meet = Callable[[Any], None]


class Opaque(Exception):
    """Raised for a value that holds what nobody can read: an open file, a generator, a foreign handle."""


def digest(value: object, meet: Meet) -> str:
    """Return the sha256, in hexadecimal, of what a value holds; the same in every process.

    Numbers, text, containers, tensors and arrays are taken as they are, objects as the protocol of pickle
    takes them apart, functions and classes by name, each of which `meet` is called with. Raises Opaque.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _Writer(meet).digest(value)
    except Opaque:
        raise
    except Exception as error:
        raise Opaque(f"{type(value).__name__}: {error}") from error


class _Writer:
    """Writes one value; what is met again is written by its number, so that circles end."""

    def __init__(self, meet: Meet, seen: dict[int, tuple[int, object]] | None = None) -> None:
        self.meet = meet
        self.seen: dict[int, tuple[int, object]] = {} if seen is None else seen
        self.hash = hashlib.sha256()

    def digest(self, value: object) -> str:
        self.put(value)
        return self.hash.hexdigest()

    def mark(self, *words: object) -> None:
        self.hash.update("".join(f"{word}\0" for word in words).encode("utf-8", "surrogatepass"))

    def put(self, value: Any) -> None:
        kind = type(value)
        if kind in PLAIN:
            self.mark(kind.__name__, repr(value))
            return
        if id(value) in self.seen:
            self.mark("again", self.seen[id(value)][0])
            return
        self.seen[id(value)] = len(self.seen), value  # kept, so that no other gets its id
        if kind in (tuple, list):
            self.mark(kind.__name__, len(value))
            for one in value:
                self.put(one)
        elif kind is dict:
            self.mark("dict", len(value))
            for key, one in value.items():
                self.put(key)
                self.put(one)
        elif kind in (set, frozenset):
            self.mark(kind.__name__, *sorted(_Writer(self.meet).digest(one) for one in value))
        elif isinstance(value, Enum):
            self.mark("enum", kind.__module__, kind.__qualname__, value.name)
            self.put(value.value)
        elif isinstance(value, DEFINED):
            self.mark("defined", getattr(value, "__module__", ""), value.__qualname__)
            self.meet(value)
        elif isinstance(value, functools._lru_cache_wrapper):
            self.put(value.__wrapped__)
        elif isinstance(value, property | staticmethod | classmethod | functools.cached_property):
            self.meet(value)
        elif isinstance(value, types.ModuleType):
            self.mark("module", value.__name__)
        elif kind.__module__.partition(".")[0] in INERT:
            self.mark("inert")
        elif (torch := sys.modules.get("torch")) is not None and isinstance(value, torch.Tensor):
            self.tensor(value)
        else:
            self.object(value)

    def tensor(self, value: Any) -> None:
        self.mark("tensor", value.dtype, tuple(value.shape))
        if value.device.type != "meta":
            import torch

            flat = value.detach().cpu().contiguous().reshape(-1)
            self.hash.update(flat.view(torch.uint8).numpy().tobytes())

    def object(self, value: Any) -> None:
        self.meet(type(value))
        reduce = copyreg.dispatch_table.get(type(value))
        parts = reduce(value) if reduce else value.__reduce_ex__(4)
        self.mark("object", type(value).__module__, type(value).__qualname__)
        if isinstance(parts, str):  # a name in its module, as torch.float32
            self.mark(parts)
            return
        made, given, *held = parts
        self.put(made)
        self.put(given)
        for place, one in enumerate(held):
            self.put(list(one) if place in (2, 3) and one is not None else one)
