"""What is guarded: rooms import one way, none has many files, and files say in a sentence what they are."""

from __future__ import annotations

import ast
import re
from collections import Counter
from graphlib import CycleError
from pathlib import Path

import pytest
import rooms
from conftest import ROOT

import probekit

pytestmark = pytest.mark.source

FILES = rooms.files()
GRAPH = rooms.graph({name: path.read_text() for name, path in FILES.items()})
OURS = sorted(
    path
    for top in ("probekit", "plugins", "probes")
    for path in (ROOT / top).rglob("*.py")
    if path.stat().st_size
)
LINES, MOST = 250, 15


def test_no_import_goes_up_the_staircase() -> None:
    assert rooms.upward(GRAPH) == []


def test_no_circle_of_imports_those_for_type_checkers_included() -> None:
    assert len(rooms.floors(GRAPH)) == len(FILES) - len(rooms.DOORS)


def test_every_package_of_the_core_is_a_room_of_the_staircase() -> None:
    packages = {path.parent.name for path in (ROOT / "probekit").glob("*/__init__.py")}
    assert packages == set(rooms.ROOMS[1:])


def test_the_map_for_contributors_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `probekit/(\w*)", text, re.M)
    assert [name or rooms.ROOT for name in named] == list(rooms.ROOMS)


def test_a_room_has_few_files() -> None:
    inside = {name: path for name, path in FILES.items() if name not in rooms.DOORS}
    counted = Counter(path.parent for path in inside.values() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in counted.items() if count > MOST} == {}


def test_the_core_names_no_plugin_and_imports_nothing_by_dots() -> None:
    for path in FILES.values():
        for dotted in rooms.imports(path.read_text()):
            assert dotted.split(".")[0] not in ("", "probekit_plugins", "probekit_probes"), path


def test_the_check_sees_every_way_to_trespass() -> None:
    text = """
from typing import TYPE_CHECKING
import probekit.runs.engine
from probekit import check, plain
from probekit.storage import store
from probekit.cli.table import print_table
if TYPE_CHECKING:
    from probekit.evidence.certify import Certificate
def late():
    from probekit.cards.card import Card
    from probekit.catalog.registry import registry
"""
    found = rooms.upward(
        {
            **GRAPH,
            "probekit.plans.plan": rooms.graph({**dict.fromkeys(GRAPH, ""), "probekit.plans.plan": text})[
                "probekit.plans.plan"
            ],
        }
    )
    assert [other for _, other in found] == [
        "probekit.cards.card",
        "probekit.check",
        "probekit.cli.table",
        "probekit.evidence.certify",
        "probekit.runs.engine",
        "probekit.storage.store",
    ]


def test_the_check_sees_a_circle_of_two_files_one_arrow_for_type_checkers() -> None:
    one = "if TYPE_CHECKING:\n    from probekit.plans.spec import RunSpec\n"
    two = "def late():\n    import probekit.plans.plan\n"
    with pytest.raises(CycleError):
        rooms.floors(rooms.graph({"probekit.plans.plan": one, "probekit.plans.spec": two}))


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_opens_with_a_docstring_and_is_short(path: Path) -> None:
    text = path.read_text()
    doc = ast.get_docstring(ast.parse(text))
    assert doc, "a file opens with a docstring"
    assert len(text.splitlines()) <= LINES
    if ROOT / "probekit" in path.parents:
        first = " ".join(doc.split("\n\n")[0].split())
        assert re.fullmatch(r"(?:(?!\.\s+[A-Z]).)+\.", first), f"{first!r} is not one sentence"


def test_built_in_plugins_rely_on_the_contract_alone() -> None:
    allowed = {"probekit.workers", "probekit.plugin"}
    for top in ("plugins", "probes"):
        for path in (ROOT / top).rglob("*.py"):
            for dotted in rooms.imports(path.read_text(encoding="utf-8")):
                parts = dotted.split(".")
                if parts[0] == "probekit" and len(parts) > 1:
                    is_public = parts[1] in probekit.__all__ or ".".join(parts[:2]) in allowed
                    assert is_public, f"{path.name} imports {dotted}"


def test_no_two_test_files_have_one_name() -> None:
    names = Counter(path.name for path in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []  # pytest would import only one of them
