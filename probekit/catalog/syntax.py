"""A syntax digest is the hash of a class's code without comments, docstrings and layout."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def syntax_digest(target: object) -> str:
    """Return the sha256, in hexadecimal, of the code that a class or function is defined with.

    That is the syntax tree of its module, of those of its base classes, and of those that they take something
    from in the same package. "" where there is no source to read.
    """
    package = str(getattr(target, "__module__", "")).partition(".")[0]
    names = [str(base.__module__) for base in getattr(target, "__mro__", (target,))]
    digests: dict[str, str] = {}
    while names:
        name = names.pop()
        module = sys.modules.get(name)
        if name in digests or module is None or name.partition(".")[0] != package:
            continue
        digests[name] = module_digest(module)
        names += [
            value.__name__ if isinstance(value, ModuleType) else str(value.__module__)
            for value in vars(module).values()
            if isinstance(value, type | FunctionType | ModuleType)
        ]
    if not all(digests.values()):
        return ""
    return hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()[:16] if digests else ""


def module_digest(module: ModuleType) -> str:
    """Return the sha256 of a module's syntax tree; "" where its source cannot be read."""
    try:
        tree = ast.parse(inspect.getsource(module))
    except (OSError, TypeError, SyntaxError, ValueError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return hashlib.sha256("\0".join(_write(tree)).encode("utf-8", "backslashreplace")).hexdigest()


def _write(node: object) -> Iterator[str]:
    """Yield a tree as text that is the same in every version of Python: empty fields are left out."""
    if isinstance(node, ast.AST):
        yield type(node).__name__
        for name, value in ast.iter_fields(node):
            if value not in (None, []) and not isinstance(value, ast.expr_context):
                yield name
                yield from _write(value)
    elif isinstance(node, list):
        yield str(len(node))
        for child in node:
            yield from _write(child)
    else:
        yield repr(node)
