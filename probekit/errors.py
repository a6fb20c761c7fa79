"""The errors a user can meet: each says what was asked, what was found and what to type next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from probekit.plain import disguise, latin, lines, plain

PAGE = 2000


class ProbekitError(Exception):
    """Something asked for could not be done; the command line ends with exit code 1.

    `asked` and `found` are clauses without a final stop; `hint` is a sentence that says what to type next.
    """

    exit_code = 1

    def __init__(self, asked: str, found: str, hint: str = "") -> None:
        self.asked, self.found, self.hint = asked, found, hint
        super().__init__(lines(f"{asked}: {found}." + (f" {hint}" if hint else "")))


class UsageError(ProbekitError):
    """What was asked cannot be meant: an unknown name, a wrong type, a bad bracket; exit code 2."""

    exit_code = 2


class StoreError(ProbekitError):
    """The store cannot be read or written; nothing stored has been changed."""


class RunError(ProbekitError):
    """A run failed while it trained or was scored."""


class Interrupted(ProbekitError):
    """Runs were stopped by Ctrl-C."""

    exit_code = 130


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a sentence that offers the nearest of the known names, or all of them when none is near."""
    names = sorted(set(known))
    if not names:
        return "Nothing of that kind is installed."
    if (odd := disguise(name)) and latin(name) in names:
        return f"Did you mean {latin(name)}? {odd}."
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(names)}."


def reason(error: BaseException) -> str:
    """Return an exception as one line: its type, then what it says, a page of it at the most."""
    try:
        said = plain(str(error))
    except Exception:
        said = "what it says cannot be read"
    shown = said if len(said) <= PAGE else f"{said[:PAGE]}…"
    return f"{type(error).__name__}: {shown}" if said else type(error).__name__


def missing(error: BaseException) -> str:
    """Return a sentence that says what to install, where the error is that a package is missing, else ""."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return f"Install {name}, which it needs." if name else ""
