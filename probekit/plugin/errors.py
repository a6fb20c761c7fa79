"""The errors a user can meet: each names the request, the problem and what to type next."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from probekit.plain import describe_lookalike, make_plain, make_plain_lines, to_latin
from probekit.renamed import rename_fields

MAX_REASON_LENGTH = 2000
REFUSALS = {
    errno.ENAMETOOLONG: (
        "the name is too long: a file system allows 255 bytes per name and 4,096 per path",
        "Choose a shorter name.",
    ),
    errno.EMFILE: (
        "this process has too many open files",
        "Raise the limit (`ulimit -n 4096`) or run fewer jobs at a time (--jobs). Then repeat the command.",
    ),
    errno.ENFILE: (
        "this machine has too many open files",
        "Close other programs or run fewer jobs at a time (--jobs). Then repeat the command.",
    ),
    errno.ENOMEM: (
        "there is not enough memory",
        "Close other programs or run fewer jobs at a time (--jobs). Then repeat the command.",
    ),
}
"""System errors that have their own explanation: the problem and what to do next."""
FOLDER_GONE = (
    "its folder is gone; it was moved or deleted in the meantime",
    "Put it back, and the same command continues. Without it, the same command starts again.",
)
OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")
"""Parts of torch's messages for lack of memory."""


@rename_fields({"asked": "request", "found": "problem"})
class ProbekitError(Exception):
    """Base class of probekit's errors; the command line exits with code 1.

    Args:
        request: what you asked for, a clause without a full stop.
        problem: what is wrong with it, a clause without a full stop.
        hint: a sentence that says what to type next.
    """

    exit_code = 1

    def __init__(self, request: str, problem: str, hint: str = "") -> None:
        self.request, self.problem, self.hint = request, problem, hint
        super().__init__(make_plain_lines(f"{request}: {problem}." + (f" {hint}" if hint else "")))


class UsageError(ProbekitError):
    """The request makes no sense: an unknown name, a wrong type, a bad bracket; exit code 2."""

    exit_code = 2


class StoreError(ProbekitError):
    """The store cannot be read or written; no stored data was changed."""


class RunError(ProbekitError):
    """A run failed during training or scoring."""


class ComponentError(RunError):
    """A part of a component, such as a metric or an oracle, raised an exception or returned a wrong shape."""


class Interrupted(ProbekitError):
    """You stopped the runs with Ctrl-C."""

    exit_code = 130


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return a sentence that suggests the closest candidates, or lists all of them if none is close."""
    names = sorted(set(candidates))
    if not names:
        return "Nothing of that kind is installed."
    if (lookalike := describe_lookalike(name)) and to_latin(name) in names:
        return f"Did you mean {to_latin(name)}? {lookalike}."
    close_names = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(close_names)}?" if close_names else f"There are: {', '.join(names)}."


def describe_error(error: BaseException) -> str:
    """Return an exception as one line: its type and its message, shortened to 2,000 characters."""
    try:
        message = make_plain(str(error))
    except Exception:
        message = "its message cannot be read"
    if len(message) > MAX_REASON_LENGTH:
        message = f"{message[:MAX_REASON_LENGTH]}…"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def suggest_install(error: BaseException) -> str:
    """Return a sentence that says which missing package to install, "" for any other error."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return f"Install {name}, which it needs." if name else ""


def explain_os_error(error: BaseException, hint: str, path: Path | None = None) -> tuple[str, str]:
    """Explain why a file could not be read or written.

    Args:
        error: the exception that the system raised.
        hint: what to type next if the error has no advice in `REFUSALS`.
        path: the file or folder. If its parent folder is gone, the explanation says so.

    Returns:
        The problem, without a full stop, and what to type next.
    """
    if is_out_of_memory(error):
        return REFUSALS[errno.ENOMEM]
    number = error.errno if isinstance(error, OSError) else None
    if number in REFUSALS:
        return REFUSALS[number]
    if number == errno.ENOENT and path is not None and not path.parent.is_dir():
        return FOLDER_GONE
    return (error.strerror if isinstance(error, OSError) else "") or describe_error(error), hint


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether Python or torch reports with this error that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(phrase in str(error).lower() for phrase in OUT_OF_MEMORY)


@contextmanager
def name_culprit(part: str) -> Iterator[None]:
    """Turn an exception of a component's code into one that names the part.

    Args:
        part: the part, as "the metric accuracy".

    Raises:
        ComponentError: the code raised an exception that does not explain itself.
    """
    try:
        yield
    except ProbekitError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ComponentError(part, f"it raised {describe_error(error)}", suggest_install(error)) from error
