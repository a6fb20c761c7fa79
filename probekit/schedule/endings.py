"""Endings are what an executor yields: each run once, with its exit code; anything else is an error."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Collection, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from probekit.plugin.errors import ProbekitError, describe_error
from probekit.plugin.executor import WorkerExit
from probekit.plugin.stop import find_interrupt

if TYPE_CHECKING:
    from probekit.plugin.executor import Executor

HINT = (
    "Runs that are done are stored: repeat the command with another executor. `probekit check executor` "
    "tells more."
)
SHOWN = 3


def check_executor(executor: Any, text: str) -> None:
    """Raise ProbekitError if an executor has no method `carry_out(folders, command)`."""
    problem = ""
    carry_out = getattr(executor, "carry_out", None)
    if not callable(carry_out):
        problem = f"{type(executor).__name__} has no method carry_out"
    else:
        try:
            inspect.signature(carry_out).bind([], [])
        except (TypeError, ValueError) as error:
            problem = f"its carry_out cannot be called with folders and a command ({error})"
    if problem:
        hint = "Define carry_out(self, folders, command); `probekit new executor NAME` shows how."
        raise ProbekitError(f"executor {text}", problem, hint)


def iterate_endings(
    executor: Executor, folders: Collection[Path], command: Sequence[str]
) -> Generator[WorkerExit, None, None]:
    """Let an executor carry out runs, and yield each ending that it yields; its prints go to stderr.

    Raises:
        ProbekitError: it raised an exception, yielded something else than a `WorkerExit`, yielded a folder
            that it did not receive or one twice, or ended without one.
    """
    remaining = set(folders)
    with contextlib.closing(run_executor(executor, list(folders), command)) as endings:
        for ending in endings:
            remaining.remove(check_ending(executor, ending, remaining, folders).folder)
            yield ending
    if remaining:
        names = sorted(folder.name for folder in remaining)
        shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        refuse(executor, f"it ended without saying how {len(names)} of {len(folders)} runs ended: {shown}")


def run_executor(
    executor: Executor, folders: list[Path], command: Sequence[str]
) -> Generator[Any, None, None]:
    """Yield what an executor yields; closing this generator ends its workers."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            returned: Any = executor.carry_out(folders, command)
        if not isinstance(returned, Iterator):
            if isinstance(returned, WorkerExit | str) or not hasattr(returned, "__iter__"):
                refuse(executor, f"its carry_out returned a {type(returned).__name__}, not an iterator")
            returned = iter(returned)
        with contextlib.closing(as_generator(returned)) as generator:
            while True:
                with contextlib.redirect_stdout(sys.stderr):
                    ending = next(generator, generator)
                if ending is generator:
                    return
                yield ending
    except (ProbekitError, GeneratorExit):
        raise
    except Exception as error:
        if find_interrupt(error) is not None:
            raise
        refuse(executor, f"it raised {describe_error(error)}", error)


def as_generator(endings: Iterator[Any]) -> Generator[Any, None, None]:
    """Return an iterator as a generator, which ends the executor's workers when it is closed."""
    yield from endings


def check_ending(
    executor: Executor, ending: Any, remaining: Collection[Path], folders: Collection[Path]
) -> WorkerExit:
    """Return an ending of a run that has not ended before.

    Raises:
        ProbekitError: it is none.
    """
    if not isinstance(ending, WorkerExit):
        refuse(executor, f"it yielded a {type(ending).__name__}, not a WorkerExit")
    if ending.folder not in folders:
        refuse(executor, f"it yielded the end of {ending.folder!r}, a folder that it did not receive")
    if ending.folder not in remaining:
        refuse(executor, f"it yielded the end of {ending.folder.name} twice")
    if not isinstance(ending.code, int) or isinstance(ending.code, bool):
        refuse(executor, f"it yielded the exit code {ending.code!r} of {ending.folder.name}, not an integer")
    return ending


def refuse(executor: Executor, problem: str, cause: Exception | None = None) -> NoReturn:
    """Raise the error of an executor that does not keep to its interface."""
    raise ProbekitError(f"the executor {type(executor).__name__}", problem, HINT) from cause
