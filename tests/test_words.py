"""What is guarded: names say what they hold, and functions what they do."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.source

EMPTY = frozenset(
    """
    asked beside each few found given handed held here kept known likely made meant named one other others own
    place places read said seen several some there thing things told wanted way ways what who whole
    """.split()  # noqa: SIM905 - a list of forty words is read more easily so
)
"""Names that say nothing of what they hold."""
SAME_IN_MANY = frozenset({"probekit_components", "main", "reference"})
"""The hook's name, an entry point's, and the plain formula of a layer."""
MOST_EMPTY, MOST_SINGLE = 0.02, 0.45
"""Greatest shares of names without meaning, and of functions of one word."""
FILES = sorted(
    path
    for top in ("probekit", "plugins", "probes")
    for path in (ROOT / top).rglob("*.py")
    if path.stat().st_size
)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names of variables and parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg) and node.arg not in ("self", "cls"):
            yield node.arg


def function_names(tree: ast.AST) -> Iterator[str]:
    """Yield the names of functions and methods, without those that Python or torch choose."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("__") or node.name == "forward":
            continue
        if not any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
            yield node.name.strip("_")


def share_of_empty(trees: list[ast.Module]) -> float:
    """Return the share of bound names that say nothing."""
    counts = Counter(name for tree in trees for name in bound_names(tree))
    return sum(counts[name] for name in EMPTY) / sum(counts.values())


def share_of_single(trees: list[ast.Module]) -> float:
    """Return the share of functions whose name is one word."""
    names = [name for tree in trees for name in function_names(tree)]
    return sum("_" not in name for name in names) / len(names)


def test_names_have_a_meaning() -> None:
    assert share_of_empty(list(TREES.values())) <= MOST_EMPTY


def test_functions_name_their_object() -> None:
    assert share_of_single(list(TREES.values())) <= MOST_SINGLE


def test_a_function_name_is_in_few_files() -> None:
    files: defaultdict[str, set[Path]] = defaultdict(set)
    for path, tree in TREES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                files[node.name].add(path)
    assert {name for name, paths in files.items() if len(paths) > 2} <= SAME_IN_MANY


@pytest.mark.parametrize(
    ("text", "empty", "single"),
    [
        ("def read(found): kept = found", 1.0, 1.0),
        ("def read_run(folder): result = folder", 0.0, 0.0),
        ("total = [one for one in items]", 0.5, None),
    ],
)
def test_the_counts_see_what_they_guard(text: str, empty: float, single: float | None) -> None:
    trees = [ast.parse(text)]
    assert share_of_empty(trees) == empty
    if single is not None:
        assert share_of_single(trees) == single


PAGES = sorted(
    [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md")]
    + list((ROOT / "docs").glob("*.md"))
)
DIALECT = re.compile(
    r"\b(but for|of which|that is had|is said|is told|are said|are told|from \w+ on|of its own|as it is)\b",
    re.I,
)
"""Phrases for which plain English has a usual word."""


def prose(path: Path) -> str:
    """Return a page without its code."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"`[^`]*`", "", text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_are_in_plain_english(path: Path) -> None:
    assert DIALECT.findall(prose(path)) == []


def test_the_check_sees_dialect() -> None:
    assert DIALECT.findall("A run is said to be done, but for its weights.") == ["is said", "but for"]
