"""A syntax digest is the hash of a class's code without comments, docstrings and layout."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from probekit.catalog.files import MODULE_PREFIX

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of installed code, in which a file has no neighbours."""
_trees: dict[str, tuple[ModuleSpec, ast.Module]] = {}
"""Syntax trees of loaded modules by name; later edits of the file do not affect this process."""


def hash_syntax(target: Callable[..., object]) -> str:
    """Return the hash of the code that defines a trainer's class.

    It covers the syntax trees of its module, of the modules of base classes that define `fit`, and of all
    modules of the same package that these import. For a file it covers imported files in the same folder.

    Returns:
        16 hexadecimal digits, "" if there is no source to read.
    """
    bases = getattr(target, "__mro__", (target,))
    names = [str(base.__module__) for base in bases if base is target or "fit" in vars(base)]
    packages = {name.partition(".")[0] for name in names}
    digests: dict[str, str] = {}
    while names:
        name = names.pop()
        if name in digests or not (path := find_source(name, packages)):
            continue
        if (tree := read_tree(name, path)) is None:
            return ""
        digests[name] = hash_tree(tree)
        names += imported_names(tree, name, is_package=path.name == "__init__.py")
    return hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()[:16] if digests else ""


def find_source(name: str, packages: set[str]) -> Path | None:
    """Return the file of a module in these packages, or next to a file among them, without importing it."""
    first, *rest = name.split(".")
    for package in sorted(packages):
        top = sys.modules.get(package)
        file = getattr(top, "__file__", None)
        if package == name and file is not None:
            return Path(file)
        if package == first:
            folders = [Path(path) for path in getattr(top, "__path__", ())]
        elif (
            package.startswith(MODULE_PREFIX)
            and file is not None
            and not _is_installed(Path(file).parent / first)
        ):
            folders = [Path(file).parent / first]
        else:
            continue
        for folder in folders:
            base = folder.joinpath(*rest)
            for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
                if path.is_file():
                    return path
    return None


def _is_installed(path: Path) -> bool:
    return not INSTALLED.isdisjoint(path.parts)


def read_tree(name: str, path: Path) -> ast.Module | None:
    """Return the syntax tree of a module as it was loaded, or of its file; None if it cannot be read."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is not None and name in _trees and _trees[name][0] is spec:
        return _trees[name][1]
    try:
        get_source = getattr(getattr(spec, "loader", None), "get_source", None)
        source = get_source(name) if get_source else None
        tree = ast.parse(path.read_bytes() if source is None else source)
    except (OSError, ImportError, SyntaxError, ValueError):
        return None
    if spec is not None:
        _trees[name] = (spec, tree)
    return tree


@functools.lru_cache(maxsize=1024)
def imported_names(tree: ast.Module, name: str, *, is_package: bool) -> tuple[str, ...]:
    """Return the full names that a module imports anywhere, and their parent packages.

    For `from a import b` they are a and a.b, as b may be a module.
    """
    packages: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = name.split(".")
            parent = parts[: len(parts) - node.level + is_package] if node.level else []
            base = ".".join([*parent, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for full_name in names:
            parts = full_name.split(".")
            packages |= dict.fromkeys(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return tuple(packages)


@functools.lru_cache(maxsize=1024)
def hash_tree(tree: ast.Module) -> str:
    """Return the sha256 of a syntax tree without its docstrings, computed once for a tree."""
    return hashlib.sha256("\0".join(_serialize(tree)).encode("utf-8", "backslashreplace")).hexdigest()


def _serialize(node: object) -> Iterator[str]:
    """Yield a tree as text that is equal in every version of Python: empty fields are left out."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if name == "body" and _is_documented(node):
                value = value[1:]
            if isinstance(node, ast.JoinedStr):
                value = list(_join_texts(value))
            if value not in (None, []) and not isinstance(value, ast.expr_context):
                yield name
                yield from _serialize(value)
    elif isinstance(node, list):
        yield str(len(node))
        for child in node:
            yield from _serialize(child)
    else:
        yield repr(node)


def _is_documented(node: ast.AST) -> bool:
    return isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None


def _join_texts(values: list[ast.expr]) -> Iterator[ast.expr]:
    """Yield the parts of an f-string with adjacent texts merged: Python 3.12 does not merge them."""
    text = ""
    for value in values:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            text += value.value
            continue
        if text:
            yield ast.Constant(text)
        text = ""
        yield value
    if text:
        yield ast.Constant(text)
