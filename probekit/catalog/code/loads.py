"""Loads are what compiled code takes from outside itself: globals with their attributes, and late imports."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Iterator

GLOBAL = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
FURTHER = frozenset({"LOAD_ATTR", "LOAD_METHOD"})


@functools.lru_cache(maxsize=4096)
def loads(code: types.CodeType) -> tuple[tuple[str, ...], ...]:
    """Return the dotted paths, from a global on, that a function and those in it read."""
    found: dict[tuple[str, ...], None] = {}
    for one in _nested(code):
        chain: list[str] = []
        for step in dis.get_instructions(one):
            if step.opname in FURTHER and chain:
                chain.append(str(step.argval))
                continue
            if chain:
                found[tuple(chain)] = None
            chain = [str(step.argval)] if step.opname in GLOBAL else []
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def late(code: types.CodeType) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the modules that a function imports as it runs, with the names it may read of them."""
    return tuple(
        (str(step.argval), one.co_names)
        for one in _nested(code)
        if "__import__" not in one.co_names and one.co_names
        for step in dis.get_instructions(one)
        if step.opname == "IMPORT_NAME"
    )


def _nested(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _nested(one)
