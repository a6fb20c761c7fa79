"""A source hash is a component's fingerprint: its module's code and what that imports of its own package."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any


def source_hash(target: Any, module: str = "") -> str | None:
    """Return the sha256, in hexadecimal, of the code a class or function rests on; None where it has no file.

    Hashed are its module and, followed through, the modules of the same top-level package imported there,
    wherever in the file, as (dotted name, bytes) sorted. They are found by reading, never by importing.
    module: where the target was found, if it may be another than where it was defined.
    Packages that merely contain a module are left out: a new layer beside it leaves its results valid.
    """
    while isinstance(target, functools.partial):
        target = target.func
    name = getattr(target, "__module__", None)
    if not isinstance(name, str) or (source := _source(name)) is None:
        return None
    sources: dict[str, bytes] = {}
    waiting = {name: source}
    if module and (holder := _source(module)) is not None:
        waiting[module] = holder
    while waiting:
        name, source = waiting.popitem()
        sources[name] = source
        for imported in _imports(name, source):
            if imported not in sources and (found := _source(imported)) is not None:
                waiting[imported] = found
    digest = hashlib.sha256()
    for name, source in sorted(sources.items()):
        digest.update(f"{name} {len(source)}\n".encode() + source)
    return digest.hexdigest()


def importable(target: Any) -> bool:
    """Tell whether a class or function is what its module holds under its name, so that its source says it
    all.

    A lambda, a closure, a partial and a bound method are not: what they hold is in no file.
    """
    found: Any = sys.modules.get(getattr(target, "__module__", None) or "")
    for name in getattr(target, "__qualname__", "<").split("."):
        found = getattr(found, name, None)
    return found is target


def _imports(name: str, source: bytes) -> Iterator[str]:
    """Yield the modules of its own top-level package that a module imports."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a compiled module
        return
    spec = _spec(name)
    inside = spec is not None and spec.submodule_search_locations is not None
    package = name if inside else name.rpartition(".")[0]
    top = name.partition(".")[0]
    for node in ast.walk(tree):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = package.rsplit(".", node.level - 1)[0] if node.level else ""
            base = ".".join(part for part in (origin, node.module) if part)
            inner = [f"{base}.{alias.name}" for alias in node.names]
            found = [module if _spec(module) is not None else base for module in inner]
        yield from (module for module in found if module.partition(".")[0] == top)


def _source(name: str) -> bytes | None:
    """Return the bytes of a module's file, or None where it has none."""
    spec = _spec(name)
    read = getattr(spec.loader, "get_data", None) if spec is not None and spec.has_location else None
    file = spec.origin if spec is not None else getattr(sys.modules.get(name), "__file__", None)
    try:
        if read is not None:
            return bytes(read(file))
        return Path(file).read_bytes() if spec is None and file else None  # a script, as __main__
    except OSError:
        return None


def _spec(name: str) -> ModuleSpec | None:
    """Find a module without importing its parents, as importlib.util.find_spec would."""
    top, *parts = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # __main__ of a script has none
        return None
    walked = top
    for part in parts:
        if spec is None:
            return None
        walked = f"{walked}.{part}"
        spec = PathFinder.find_spec(walked, spec.submodule_search_locations or [])
    return spec
