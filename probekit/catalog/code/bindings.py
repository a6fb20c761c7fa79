"""Bindings are what a module's source gives its names, found by reading it."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Binding:
    """One way a name comes about: by a definition, an import (of `name` from `module`), a value, or else."""

    how: Literal["definition", "import", "value", "else"]
    value: ast.expr | None = None
    module: str = ""
    name: str = ""
    level: int = 0


@dataclass(slots=True)
class Scope:
    """The bindings of a module or a class body by name; memos: containers that its functions alone fill."""

    names: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    stars: list[Binding] = field(default_factory=list)
    memos: set[str] = field(default_factory=set)
    inner: dict[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)


@functools.lru_cache(maxsize=4096)
def bindings(source: bytes) -> Scope:
    """Return the bindings of a module; none of one that is not Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return Scope()
    scope = _scope(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            scope.memos |= set(_filled(node))
    scope.memos = {name for name in scope.memos if all(map(_starts_empty, scope.names.get(name, ())))}
    return scope


@functools.lru_cache(maxsize=4096)
def inside(source: bytes, qualname: str) -> Scope | ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the class body's bindings, or the function, at a qualified name of a module."""
    scope = bindings(source)
    names = qualname.split(".")
    for place, name in enumerate(names):
        node = scope.inner.get(name)
        if node is None:
            return None
        if not isinstance(node, ast.ClassDef):
            return node if place == len(names) - 1 else None
        scope = _scope(node.body)
    return scope


def _scope(body: Sequence[ast.stmt]) -> Scope:
    scope = Scope()
    for statement in _statements(body):
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            scope.names[statement.name].append(Binding("definition"))
            scope.inner[statement.name] = statement
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                bound = alias.asname or alias.name.partition(".")[0]
                made = Binding("import", module=alias.name if alias.asname else bound)
                if made not in scope.names[bound]:
                    scope.names[bound].append(made)
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                made = Binding("import", None, statement.module or "", alias.name, statement.level)
                (scope.stars if alias.name == "*" else scope.names[alias.asname or alias.name]).append(made)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                _bind(scope, target, statement.value)
        elif isinstance(statement, ast.AnnAssign):
            if statement.value is not None:
                _bind(scope, statement.target, statement.value)
        else:
            for part in _own(statement):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    scope.names[part.id].append(Binding("else"))
    return scope


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement without those of the statements in it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt | ast.ExceptHandler):
            yield from ast.walk(child)


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a body does: those of branches too, not those of functions."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for name in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, name, ()))
        for one in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
            yield from _statements(one.body)


def _bind(scope: Scope, target: ast.expr, value: ast.expr) -> None:
    if isinstance(target, ast.Name):
        scope.names[target.id].append(Binding("value", value))
    elif isinstance(target, ast.Tuple | ast.List):
        apart = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for place, one in enumerate(target.elts):
            _bind(scope, one, value.elts[place] if apart else value)  # type: ignore[attr-defined]


def _filled(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Yield what a function puts something of its own making into, as a memo is filled.

    What it was handed and puts there as it is, is a setting.
    """
    given = {one.arg for one in ast.walk(function.args) if isinstance(one, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and not (isinstance(node.value, ast.Name) and node.value.id in given):
            for target in node.targets:
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                    yield target.value.id


def _starts_empty(binding: Binding) -> bool:
    node = binding.value
    if isinstance(node, ast.Call):
        made = node.func.id if isinstance(node.func, ast.Name) else ""
        return made in ("dict", "OrderedDict") and not node.args and not node.keywords
    return isinstance(node, ast.Dict) and not node.keys
