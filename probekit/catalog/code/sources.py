"""Sources are the code a component rests on: its module, and what that imports that no distribution holds."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from probekit.catalog.code.owners import owners

RECORDED = ("probekit", "torch", "numpy")
"""Packages whose version is recorded and their code not read: results are meant to outlive their updates."""
Raw = tuple[int, str, tuple[str, ...]]
_FIRST: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()
"""What the file of each loaded module held when it was first read here."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Modules by dotted name with the bytes of their files, and the distributions that they import.

    edited: whether the file of a module that is loaded has changed since it was first read here, so that
    what runs is no longer what it says.
    """

    modules: Mapping[str, bytes]
    distributions: Mapping[str, str]
    edited: bool

    @property
    def digest(self) -> str:
        """The sha256, in hexadecimal, over (dotted name, bytes), sorted."""
        digest = hashlib.sha256()
        for name, source in sorted(self.modules.items()):
            digest.update(f"{name} {len(source)}\n".encode() + source)
        return digest.hexdigest()


def sources_of(target: Any, module: str = "", own: frozenset[str] = frozenset()) -> Sources | None:
    """Return the code a class or function rests on; None where it has no file.

    Its module and, followed through, the modules imported there, wherever in the file, that lie in the same
    top-level package, or belong to no installed distribution, or to one of `own`. They are found by reading,
    never by importing. Of what else is imported the distribution is noted; of the standard library nothing.
    module: where the target was found, if it may be another than where it was defined.
    Packages that merely contain a module are left out: a new layer beside it leaves its results valid.
    """
    while isinstance(target, functools.partial):
        target = target.func
    name = getattr(target, "__module__", None)
    if not isinstance(name, str) or (source := source_of(name)) is None:
        return None
    modules: dict[str, bytes] = {}
    distributions: dict[str, str] = {}
    waiting = {name: source}
    if module and (holder := source_of(module)) is not None:
        waiting[module] = holder
    while waiting:
        name, source = waiting.popitem()
        modules[name] = source
        for imported in _imports(name, source):
            if imported in modules or imported in waiting:
                continue
            if imported.partition(".")[0] != name.partition(".")[0] and _holders(
                imported, own, distributions
            ):
                continue
            found = _spelled(imported)
            if found not in modules and (source := source_of(found)) is not None:
                waiting[found] = source
    edited = [name for name, source in modules.items() if _edited(name, source)]
    return Sources(modules, dict(sorted(distributions.items())), bool(edited))


def source_hash(target: Any, module: str = "") -> str | None:
    """Return the digest of the code a class or function rests on; None where it has no file."""
    found = sources_of(target, module)
    return None if found is None else found.digest


def importable(target: Any) -> bool:
    """Tell whether a class or function is what its module holds under its name, so that its source says it
    all.

    A lambda, a closure, a partial and a bound method are not: what they hold is in no file.
    """
    found: Any = sys.modules.get(getattr(target, "__module__", None) or "")
    for name in getattr(target, "__qualname__", "<").split("."):
        found = getattr(found, name, None)
    return found is target


def known_elsewhere(name: str) -> tuple[tuple[str, str], ...] | None:
    """Return the distributions that say what a module is, none for the standard library; None where its file
    belongs to none.
    """
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return ()
    walked = ""
    for part in name.split("."):
        walked = f"{walked}.{part}" if walked else part
        spec = _spec(walked)
        if spec is None:
            return () if walked == top and top != "__main__" and top not in sys.modules else None
        if spec.origin is not None and spec.has_location:
            return owners(spec.origin) or (() if top in RECORDED else None)
    return None


def _holders(imported: str, own: frozenset[str], distributions: dict[str, str]) -> bool:
    """Tell whether an imported module is not to be followed; what holds it is noted."""
    found = known_elsewhere(imported)
    if found is None:
        return False
    if found and {name for name, _ in found} <= own and imported.partition(".")[0] not in RECORDED:
        return False
    distributions.update(found)
    return True


def _edited(name: str, source: bytes) -> bool:
    """Tell whether the file of a loaded module has changed since it was first read."""
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType):
        return False
    digest = hashlib.sha256(source).hexdigest()
    return _FIRST.setdefault(module, digest) != digest


def _imports(name: str, source: bytes) -> Iterator[str]:
    """Yield what a module imports, by dotted names; the last part may be something in a module."""
    spec = _spec(name)
    inside = spec is not None and spec.submodule_search_locations is not None
    package = name if inside else name.rpartition(".")[0]
    for level, module, names in _statements(source):
        origin = package.rsplit(".", level - 1)[0] if level else ""
        base = ".".join(part for part in (origin, module) if part)
        yield from filter(None, [f"{base}.{one}" if base else one for one in names] or [base])


@functools.lru_cache(maxsize=4096)
def _statements(source: bytes) -> tuple[Raw, ...]:
    """Return the imports of a source: level, module and the names taken from it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # a compiled module
        return ()
    found: list[Raw] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    return tuple(found)


def _spelled(imported: str) -> str:
    """Return the module that an import names: of what is taken from a module, that module."""
    return imported if _spec(imported) is not None else imported.rpartition(".")[0] or imported


def source_of(name: str) -> bytes | None:
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
    except (ValueError, ImportError, AttributeError):  # __main__ of a script has none
        return None
    walked = top
    for part in parts:
        if spec is None:
            return None
        walked = f"{walked}.{part}"
        if (known := getattr(sys.modules.get(walked), "__spec__", None)) is not None:
            spec = known
            continue
        spec = PathFinder.find_spec(walked, spec.submodule_search_locations or [])
    return spec
