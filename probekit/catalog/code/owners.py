"""An owner is the installed distribution that a module's file belongs to."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

SITES = ("site-packages", "dist-packages")


@functools.cache
def owners(file: str) -> tuple[tuple[str, str], ...]:
    """Return name and version of the distributions that installed a file; none for a file that lies about.

    A distribution of the module's own name is looked at first, as reading what all have installed takes a
    while. What was found holds for as long as the process, as the code that it has loaded does.
    """
    path = Path(file)
    entries = {os.path.abspath(entry) for entry in sys.path}
    for folder in (folder for folder in path.parents if str(folder) in entries):
        inside = path.relative_to(folder)
        name = inside.parts[0].removesuffix(".py")
        where = [str(folder)]
        for several in (distributions(name=name, path=where), distributions(path=where)):
            found = dict(
                known for one in several if _holds(one, inside, folder) for known in _name_and_version(one)
            )
            if found:
                return tuple(sorted(found.items()))
    return ()


def _holds(one: Distribution, inside: Path, folder: Path) -> bool:
    """Tell whether a distribution installed a file: its record says so, or, without one, its top level.

    One without a record that lies beside its sources, as an editable install of old, installed nothing.
    """
    try:
        for record in ("RECORD", "installed-files.txt"):
            if (text := one.read_text(record)) is not None:
                listed = f"\n{text}"
                return f"\n{inside.as_posix()}," in listed or f"\n../{inside.as_posix()}\n" in listed
        tops = (one.read_text("top_level.txt") or "").split() if folder.name in SITES else []
    except (OSError, ValueError):
        return False
    return inside.parts[0].removesuffix(".py") in tops


def _name_and_version(one: Distribution) -> Iterator[tuple[str, str]]:
    """Yield what a distribution says of itself; one whose METADATA cannot be read says nothing."""
    try:
        yield str(one.name), str(one.version)
    except (KeyError, TypeError, AttributeError, ValueError):
        yield "", ""
