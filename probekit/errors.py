"""The errors a user can meet: each says what was asked, what was found and what to type next."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path

from probekit.plain import disguise, latin, lines, plain

PAGE = 2000
REFUSALS = {
    errno.ENAMETOOLONG: (
        "the name is too long: a disk takes 255 bytes for a name and 4,096 for a path",
        "Choose a shorter name.",
    ),
    errno.EMFILE: (
        "this process has as many files open as it may",
        "Raise the limit (`ulimit -n 4096`), or run fewer at a time (--jobs); then type the same command.",
    ),
    errno.ENFILE: (
        "this machine has as many files open as it may",
        "End other programs, or run fewer at a time (--jobs); then type the same command.",
    ),
    errno.ENOMEM: (
        "memory does not suffice for it",
        "End other programs, or run fewer at a time (--jobs); then type the same command.",
    ),
}
"""What a disk or the memory refuses with a cause of its own: what was found, and what to do next."""
GONE = (
    "its folder is gone, as if it was moved or deleted meanwhile",
    "Put it back and the same command goes on; without it the same command begins anew.",
)
STARVED = ("not enough memory", "can't allocate memory", "out of memory")
"""How torch says that memory does not suffice."""


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


def explain_refusal(error: BaseException, hint: str, path: Path | None = None) -> tuple[str, str]:
    """Explain why the disk or the memory did not give or take a file.

    Args:
        error: What the system raised.
        hint: What to type next where the error has no advice of its own.
        path: The file or folder that was asked for. Where the folder it lies in is gone, that is said.

    Returns:
        What was found, without a final stop, and what to type next.
    """
    if is_starved(error):
        return REFUSALS[errno.ENOMEM]
    number = error.errno if isinstance(error, OSError) else None
    if number in REFUSALS:
        return REFUSALS[number]
    if number == errno.ENOENT and path is not None and not path.parent.is_dir():
        return GONE
    return (error.strerror if isinstance(error, OSError) else "") or reason(error), hint


def is_starved(error: BaseException) -> bool:
    """Tell whether an error says that memory does not suffice, as Python or torch says it."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in STARVED)
