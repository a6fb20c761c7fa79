"""What is guarded: core files import one way, say in a sentence what they are, and stay short."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT

ROOMS = [
    "errors",
    "interfaces",
    "items",
    "controls",
    "components",
    "files",
    "hookspecs",
    "plugins",
    "registry",
    "grammar",
    "parameters",
    "sources",
    "expression",
    "spec",
    "budget",
    "plan",
    "noise",
    "result",
    "machine",
    "score",
    "splits",
    "measure",
    "store",
    "state",
    "checkpoint",
    "learning",
    "draw",
    "cases",
    "engine",
    "front",
    "certify",
    "tune",
    "student",
    "interval",
    "compare",
    "conclude",
    "reproduce",
    "card",
    "layout",
    "tally",
    "assemble",
    "words",
    "show",
    "plots",
    "gallery",
    "contrast",
    "page",
    "check",
    "scaffold",
    "cli",
    "__main__",
]
CORE = ROOT / "probekit"
FILES = sorted(path for path in CORE.rglob("*.py") if path != CORE / "__init__.py")
OURS = sorted(
    path
    for top in ("probekit", "plugins", "probes")
    for path in (ROOT / top).rglob("*.py")
    if path.stat().st_size
)
LIMIT = 280


def room(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree, but not into what type checkers alone read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from (inner for other in child.orelse for inner in [other, *runtime_nodes(other)])
            continue
        yield child
        yield from runtime_nodes(child)


def imports(text: str) -> Iterator[str]:
    """Yield the dotted names a file imports; `from x import y` gives x.y, a relative import its dots."""
    for node in runtime_nodes(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def trespasses(name: str, text: str) -> list[str]:
    """Return what a room's file imports although it is not above it."""
    found = []
    for dotted in imports(text):
        parts = dotted.split(".")
        if parts[0] in ("", "probekit_plugins", "probekit_probes"):
            found.append(dotted)
        elif parts[0] == "probekit":
            above = ROOMS[: ROOMS.index(name)] + ([name] if (CORE / name).is_dir() else [])
            if len(parts) == 1 or parts[1] not in above:
                found.append(dotted)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CORE)))
def test_a_core_file_imports_only_files_above_it(path: Path) -> None:
    assert room(path) in ROOMS, "a core file needs a place in the order of rooms"
    assert trespasses(room(path), path.read_text()) == []


def test_the_check_of_imports_sees_every_way_to_trespass() -> None:
    text = """
import json
import probekit
import probekit.engine
from probekit import store, errors
from probekit.cli.table import print_table
from probekit_plugins.layers import average
from . import result
if TYPE_CHECKING:
    from probekit.engine import perform
else:
    from probekit.page import html
def late():
    from probekit.card import Card
    from probekit.registry import registry
"""
    assert trespasses("plan", text) == [
        "probekit",
        "probekit.engine",
        "probekit.store",
        "probekit.cli.table.print_table",
        "probekit_plugins.layers.average",
        "..result",
        "probekit.page.html",
        "probekit.card.Card",
    ]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_opens_with_a_docstring_and_is_short(path: Path) -> None:
    text = path.read_text()
    doc = ast.get_docstring(ast.parse(text))
    assert doc, "a file opens with a docstring"
    assert len(text.splitlines()) <= LIMIT
    if CORE in path.parents:
        first = " ".join(doc.split("\n\n")[0].split())
        assert re.fullmatch(r"(?:(?!\.\s+[A-Z]).)+\.", first), f"{first!r} is not one sentence"
