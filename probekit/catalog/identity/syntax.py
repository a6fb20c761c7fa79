"""A syntax digest is the hash of a class's code without comments, docstrings and layout."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name
from itertools import accumulate, groupby
from pathlib import Path

from probekit.catalog.files import MODULE_PREFIX

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Folders of installed code, in which a file has no neighbours."""


Syntax = tuple[str, list[str]]
"""The hash of a module's syntax tree, and the modules that it imports."""
_loaded: dict[str, tuple[ModuleSpec, Syntax]] = {}
"""The syntax of loaded modules by name; later edits of a file do not affect this process."""


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
        try:
            digests[name], imports = read_syntax(name, path)
        except (OSError, ImportError, SyntaxError, ValueError):
            return ""
        names += imports
    return hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()[:16] if digests else ""


def find_source(name: str, packages: set[str]) -> Path | None:
    """Return the file of a module in these packages, or next to a file among them, without importing it."""
    for package in sorted(packages):
        top = sys.modules.get(package)
        file = getattr(top, "__file__", None)
        if name == package:
            return None if file is None else Path(file)
        if name.startswith(f"{package}."):
            folders, inner = [Path(path) for path in getattr(top, "__path__", ())], name[len(package) + 1 :]
        elif package.startswith(MODULE_PREFIX) and file and INSTALLED.isdisjoint(Path(file).parts):
            folders, inner = [Path(file).parent], name
        else:
            continue
        for folder in folders:
            base = folder / inner.replace(".", "/")
            for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
                if path.is_file():
                    return path
    return None


def read_syntax(name: str, path: Path) -> Syntax:
    """Return the syntax of a module as it was loaded, or of its file.

    Raises:
        OSError, ImportError, SyntaxError, ValueError: It cannot be read.
    """
    spec = getattr(sys.modules.get(name), "__spec__", None)
    if spec is not None and name in _loaded and _loaded[name][0] is spec:
        return _loaded[name][1]
    get_source = getattr(getattr(spec, "loader", None), "get_source", None)
    source = get_source(name) if get_source else None
    tree = ast.parse(path.read_bytes() if source is None else source)
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    syntax = hash_tree(tree), sorted(set(_list_imports(tree, package)))
    if spec is not None:
        _loaded[name] = spec, syntax
    return syntax


def _list_imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the full names that a module imports anywhere, and their parent packages.

    For `from a import b` they are a and a.b, as b may be a module.
    """
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):  # it leads out of the topmost package
                base = resolve_name("." * node.level + (node.module or ""), package)
                names = [f"{base}.{alias.name}" for alias in node.names]
        for name in names:
            yield from accumulate(name.split("."), "{}.{}".format)


def hash_tree(tree: ast.Module) -> str:
    """Return the sha256 of a syntax tree without its docstrings, which are removed from it."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        elif isinstance(node, ast.JoinedStr):
            node.values = list(_join_texts(node.values))
    return hashlib.sha256("\0".join(_serialize(tree)).encode("utf-8", "backslashreplace")).hexdigest()


def _join_texts(values: list[ast.expr]) -> Iterator[ast.expr]:
    """Yield the parts of an f-string with adjacent texts merged: Python 3.12 does not merge them."""
    for kind, parts in groupby(values, type):
        if kind is not ast.Constant:
            yield from parts
        elif text := "".join(map(ast.literal_eval, parts)):
            yield ast.Constant(text)


def _serialize(node: object) -> Iterator[str]:
    """Yield a tree as text that is equal in every version of Python: empty fields are left out."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if value not in (None, []) and not isinstance(value, ast.expr_context):
                yield name
                yield from _serialize(value)
    elif isinstance(node, list):
        yield str(len(node))
        for child in node:
            yield from _serialize(child)
    else:
        yield repr(node)
