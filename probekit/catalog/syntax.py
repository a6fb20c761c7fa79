"""A syntax digest is the hash of a class's code without comments, docstrings and layout."""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

from probekit.catalog.files import PREFIX

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of installed code: a file's neighbours do not lie in one."""
_trees: dict[str, tuple[ModuleSpec, ast.Module]] = {}
"""By a module's name, as it was loaded: a file that is edited meanwhile changes nothing of this process."""


def syntax_digest(target: Callable[..., object]) -> str:
    """Return the sha256, in hexadecimal, of the code that a trainer's class is defined with.

    That is the syntax tree of its module, of those of the base classes that train (they define `fit`), and of
    all that these import, anywhere in them, of the same package; of a file, of what lies beside it. "" where
    there is no source to read.
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
        digests[name] = tree_digest(tree)
        names += imported_names(tree, name, is_package=path.name == "__init__.py")
    return hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()[:16] if digests else ""


def find_source(name: str, packages: set[str]) -> Path | None:
    """Return the file of a module of these packages, or beside a file that is one of them; loads nothing."""
    first, *rest = name.split(".")
    for package in sorted(packages):
        top = sys.modules.get(package)
        file = getattr(top, "__file__", None)
        if package == name and file is not None:
            return Path(file)
        if package == first:
            folders = [Path(path) for path in getattr(top, "__path__", ())]
        elif package.startswith(PREFIX) and file is not None and not _installed(Path(file).parent / first):
            folders = [Path(file).parent / first]
        else:
            continue
        for folder in folders:
            place = folder.joinpath(*rest)
            for path in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                if path.is_file():
                    return path
    return None


def _installed(path: Path) -> bool:
    return not INSTALLED.isdisjoint(path.parts)


def read_tree(name: str, path: Path) -> ast.Module | None:
    """Return a module's syntax tree as it was when it was loaded, or is; None where it cannot be read."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is not None and name in _trees and _trees[name][0] is spec:
        return _trees[name][1]
    try:
        load = getattr(getattr(spec, "loader", None), "get_source", None)
        source = load(name) if load else None
        tree = ast.parse(path.read_bytes() if source is None else source)
    except (OSError, ImportError, SyntaxError, ValueError):
        return None
    if spec is not None:
        _trees[name] = (spec, tree)
    return tree


@functools.lru_cache(maxsize=1024)
def imported_names(tree: ast.Module, name: str, *, is_package: bool) -> tuple[str, ...]:
    """Return the full names of what a module imports, anywhere in it, with the packages that these lie in.

    Of `from a import b` they are a and a.b, as b may be a module.
    """
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = name.split(".")
            up = parts[: len(parts) - node.level + is_package] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            found = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for one in found:
            parts = one.split(".")
            names |= dict.fromkeys(".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return tuple(names)


@functools.lru_cache(maxsize=1024)
def tree_digest(tree: ast.Module) -> str:
    """Return the sha256 of a syntax tree without its docstrings, computed once for a tree."""
    return hashlib.sha256("\0".join(_write(tree)).encode("utf-8", "backslashreplace")).hexdigest()


def _write(node: object) -> Iterator[str]:
    """Yield a tree as text that is the same in every version of Python: empty fields are left out."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if name == "body" and _is_documented(node):
                value = value[1:]
            if isinstance(node, ast.JoinedStr):
                value = list(_join_texts(value))
            if value not in (None, []) and not isinstance(value, ast.expr_context):
                yield name
                yield from _write(value)
    elif isinstance(node, list):
        yield str(len(node))
        for child in node:
            yield from _write(child)
    else:
        yield repr(node)


def _is_documented(node: ast.AST) -> bool:
    return isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None


def _join_texts(values: list[ast.expr]) -> Iterator[ast.expr]:
    """Yield the parts of an f-string, neighbouring texts as one: Python 3.12 keeps them apart."""
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
