"""Deciding tells whether an expression says by itself what it is worth, whatever process it runs in."""

from __future__ import annotations

import ast
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probekit.catalog.code.bindings import Binding, Scope, bindings
from probekit.catalog.code.values import DEFINED, Opaque, digest

CALM = re.compile(
    "math|cmath|re|typing|functools|operator|dataclasses|collections|logging|enum|fractions|decimal|pathlib"
    "|string|itertools|types|abc|copy|statistics|probekit|torch|numpy"
)
"""Packages whose functions give the same for the same."""
UNSTEADY = re.compile(
    "rand|seed|empty|load|file|memmap|normal|uniform|bernoulli|multinomial|cuda|available|get_|read|open|cwd"
    "|home|resolve|absolute|exists|stat|glob|iterdir|expanduser|count"
)
"""What is in the names of those that do not."""
BUILTINS = re.compile(
    "abs|all|any|bool|bytes|complex|dict|divmod|enumerate|float|frozenset|int|isinstance|len|list|map|max|min"
    "|pow|range|reversed|round|set|slice|sorted|str|sum|tuple|type|zip"
)
WRITTEN = re.compile("__(file|name|doc|package|spec)__")


def says(modules: Mapping[str, bytes], home: str, name: str, value: Any, body: Scope | None = None) -> bool:
    """Tell whether the sources decide that a name, of a module or a class body, has this value."""
    if isinstance(value, Iterator):  # it is worth less each time it is read
        return False
    scope = bindings(modules[home])
    if (body or scope).names.get(name) is None:
        return body is None and any(
            _imported(modules, home, binding, name, value, scope) for binding in scope.stars
        )
    if name in scope.memos and body is None:
        return True
    several = (body or scope).names[name]
    if len(several) > 1:
        return all(one.how == "import" for one in several)
    one = several[0]
    if one.how == "definition":
        defined = isinstance(value, types.FunctionType | type)
        return not defined or (value.__module__ == home and value.__qualname__.endswith(name))
    if one.how == "import":
        return _imported(modules, home, one, one.name, value, scope)
    if one.how == "else" or not decided(one.value, [body, scope] if body is not None else [scope]):
        return False
    return as_written(one.value, value)


def _imported(
    modules: Mapping[str, bytes], home: str, one: Binding, name: str, value: Any, scope: Scope
) -> bool:
    """Tell whether an import decides a value: it is from elsewhere, or decided in its module."""
    module = one.module
    if one.level:
        package = home if _is_package(home) else home.rpartition(".")[0]
        origin = package.rsplit(".", one.level - 1)[0]
        module = ".".join(part for part in (origin, one.module) if part)
    if module in modules and module != home:
        return says(modules, module, name, value)
    if isinstance(value, (*DEFINED, types.ModuleType)):
        return True
    return module.partition(".")[0] not in ("sys", "os") and module not in modules


def decided(node: ast.expr | None, scopes: Sequence[Scope]) -> bool:
    """Tell whether an expression says by itself what it is worth, whatever the process.

    Literals do, what is made of them by calm functions, and names bound to such, to definitions and to
    imports. scopes: where its names are looked up, the innermost first.
    """
    if node is None or isinstance(node, ast.Constant | ast.Lambda):
        return True
    if isinstance(node, ast.Name):
        return _name_decided(node.id, scopes)
    if isinstance(node, ast.Attribute):
        root, path = _dotted(node)
        if root is not None and (module := _module_of(root, scopes)) is not None:
            return _elsewhere(module) and not _unsteady(".".join(path), module)
        return not _unsteady(node.attr, None) and decided(node.value, scopes)
    if isinstance(node, ast.Call):
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        return _calm(node.func, scopes) and all(decided(one, scopes) for one in given)
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        local = Scope()
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                local.names[part.id].append(Binding("definition"))
        scopes = [local, *scopes]
    if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
        return False
    return all(decided(one, scopes) for one in _expressions(node))


def _expressions(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            if not (isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)):
                yield child
        elif isinstance(child, ast.comprehension):
            yield from _expressions(child)


def _name_decided(name: str, scopes: Sequence[Scope]) -> bool:
    if WRITTEN.fullmatch(name):
        return True
    for place, scope in enumerate(scopes):
        found = scope.names.get(name)
        if found is None:
            continue
        if len(found) != 1 or name in scope.memos:
            return False
        if found[0].how == "value":
            return decided(found[0].value, scopes[place:])
        taken = found[0].how == "import" and not found[0].level and _elsewhere(found[0].module)
        return taken or found[0].how == "definition"
    return BUILTINS.fullmatch(name) is not None


def _elsewhere(module: str) -> bool:
    """Tell whether what a module holds is the same in every process, as far as its name says."""
    top = module.partition(".")[0]
    return CALM.fullmatch(top) is not None or (top in sys.stdlib_module_names and top not in ("sys", "os"))


def _calm(node: ast.expr, scopes: Sequence[Scope]) -> bool:
    """Tell whether what is called gives the same for the same."""
    root, path = _dotted(node)
    if root is None:
        return (
            isinstance(node, ast.Attribute) and not _unsteady(node.attr, "") and decided(node.value, scopes)
        )
    module = _module_of(root, scopes)
    if module is not None:
        top = module.partition(".")[0]
        # a class of torch, as nn.Linear, draws its weights
        drawn = path[-1][:1].isupper() and top == "torch"
        return CALM.fullmatch(top) is not None and not drawn and not _unsteady(".".join(path), module)
    if len(path) > 1:
        return not _unsteady(path[-1], None) and _name_decided(root, scopes)
    return BUILTINS.fullmatch(root) is not None and not any(root in scope.names for scope in scopes)


def _unsteady(path: str, module: str | None) -> bool:
    return module in ("sys", "os") or UNSTEADY.search(path) is not None


def _dotted(node: ast.expr) -> tuple[str | None, list[str]]:
    """Return the name that a dotted path starts with, and the path; None where it starts with no name."""
    path: list[str] = []
    while isinstance(node, ast.Attribute):
        path.insert(0, node.attr)
        node = node.value
    return (node.id, [node.id, *path]) if isinstance(node, ast.Name) else (None, path)


def _module_of(root: str, scopes: Sequence[Scope]) -> str | None:
    """Return the module that a name is imported from, None where it is not imported."""
    for scope in scopes:
        if root in scope.names:
            found = scope.names[root]
            return found[0].module if len(found) == 1 and found[0].how == "import" else None
    return None


def as_written(node: ast.expr | None, value: object) -> bool:
    """Tell whether a value is what is written, where that is a literal; else the source is believed."""
    try:
        written = ast.literal_eval(node) if node is not None else value
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return True
    try:
        return digest(written, _nobody) == digest(value, _nobody)
    except Opaque:
        return False


def _nobody(thing: object) -> None:
    """Meet nothing: a literal names no function."""


def _is_package(name: str) -> bool:
    return hasattr(sys.modules.get(name), "__path__")
