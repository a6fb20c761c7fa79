"""Modules are looked at before torch counts weights: it tells them apart by hash, and needs its own init."""

from __future__ import annotations

import sys
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.nn import Module

INIT = "Call super().__init__() before all else; a @dataclass(eq=False) calls it first in its __post_init__."
APART = "Write @dataclass(eq=False): no module is another that has the same fields."
HASH = "Write __hash__ = torch.nn.Module.__hash__ beside its __eq__."
SAID = {"before Module.__init__() call": INIT, "unhashable type": APART}
"""What torch and Python say while such a module is built, and what to write."""


def fault(made: Any) -> tuple[str, str] | None:
    """Return why torch could not use a module, or one within it, and what to write; None where it could."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(made, torch.nn.Module):
        return None
    seen: set[int] = set()
    left: list[Module] = [made]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        kind, name = type(one), type(one).__name__
        if "_modules" not in vars(one) or "_parameters" not in vars(one):
            return f"{name} does not call super().__init__()", INIT
        if is_dataclass(kind) and kind.__eq__ is not object.__eq__:
            return f"{name} is a dataclass, in which two modules of equal fields are one", APART
        if kind.__hash__ is None:
            return f"{name} has an __eq__ and no __hash__, and torch cannot tell its modules apart", HASH
        left += [inner for inner in vars(one)["_modules"].values() if inner is not None]
    return None
