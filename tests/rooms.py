"""The rooms of the house and their imports, read from the code: `python tests/rooms.py` prints them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

CORE = Path(__file__).parent.parent / "probekit"
ROOT = "probekit"
ROOMS = (
    ROOT,
    "plugin",
    "catalog",
    "plans",
    "storage",
    "scores",
    "runs",
    "schedule",
    "battery",
    "evidence",
    "cards",
    "pages",
    "rows",
    "authors",
    "terminal",
    "cli",
    "api",
)
"""From the top of the staircase down: a room imports from itself and from those before it."""
DOORS = frozenset(
    {
        "probekit",
        "probekit.__main__",
        "probekit.check",
        "probekit.detached",
        "probekit.work",
        "probekit.workers",
    }
)
"""What lets people in, and is imported by nothing within."""

Graph = Mapping[str, frozenset[str]]


def module(path: Path) -> str:
    """Return the dotted name of a file."""
    parts = path.relative_to(CORE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files() -> dict[str, Path]:
    """Return the files of the core by dotted name."""
    return {module(path): path for path in sorted(CORE.rglob("*.py"))}


def room(name: str) -> str:
    """Return the room of a module: a package within probekit, or probekit itself."""
    second = name.split(".")[1] if "." in name else ROOT
    return second if (CORE / second).is_dir() else ROOT


def imports(text: str) -> Iterator[str]:
    """Yield all that a file imports, wherever in it and whether for type checkers alone: `from x import y`
    gives x.y, a relative import its dots."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def graph(texts: Mapping[str, str]) -> Graph:
    """Return for each module which others of these it imports; texts: sources by dotted name."""
    return {
        name: frozenset(
            found
            for dotted in imports(text)
            if (found := dotted if dotted in texts else dotted.rpartition(".")[0]) in texts and found != name
        )
        for name, text in texts.items()
    }


def upward(found: Graph) -> list[tuple[str, str]]:
    """Return the imports from a room that is not above: (importer, imported)."""
    place = {one: ROOMS.index(room(one)) for one in found}
    return [
        (one, other)
        for one, others in found.items()
        if one not in DOORS
        for other in sorted(others)
        if place[other] > place[one] or other in DOORS
    ]


def floors(found: Graph) -> list[str]:
    """Return the modules but the doors, what is imported first. Raises graphlib.CycleError in a circle."""
    inner = {one: others - DOORS for one, others in found.items() if one not in DOORS}
    return list(TopologicalSorter(inner).static_order())


def main() -> None:
    found = graph({name: path.read_text() for name, path in files().items()})
    order = floors(found)
    for one in ROOMS:
        inside = [name for name in order if room(name) == one]
        print(f"{one}: {len(inside)} files")
        for name in inside:
            short = name.removeprefix("probekit.").removeprefix(f"{one}.")
            needs = sorted(other.removeprefix("probekit.") for other in found[name])
            print(f"  {short:20} <- {', '.join(needs) or '-'}")
    print(f"arrows up: {upward(found) or 'none'}; circles: none; files: {len(found)}")


if __name__ == "__main__":
    main()
