"""Messages of the command line: answers on stdout, everything else on stderr, colour only on terminals."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from probekit.plain import make_plain_lines
from probekit.plugin.errors import ProbekitError, explain_os_error

if TYPE_CHECKING:
    from rich.console import Console

Item = TypeVar("Item")
RED, RESET = "\033[31m", "\033[0m"
QUIET = False
"""Whether --quiet hides information and progress bars."""


def set_quiet(quiet: bool) -> None:
    """Hide or show information and progress bars."""
    global QUIET
    QUIET = quiet


def print_error(text: str) -> None:
    """Print an error or a warning on stderr, red on a terminal."""
    line = f"probekit: {make_plain_lines(text)}"
    is_coloured = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    write_line(sys.stderr, f"{RED}{line}{RESET}" if is_coloured else line)


def print_info(text: str) -> None:
    """Print information on stderr, unless --quiet hides it."""
    if not QUIET:
        write_line(sys.stderr, make_plain_lines(text))


def print_output(text: str = "") -> None:
    """Print an answer on stdout."""
    write_line(sys.stdout, make_plain_lines(text))


def write_line(stream: TextIO, text: str) -> None:
    """Write a line at once; a character that the stream cannot encode is escaped."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def make_console() -> Console:
    """Return a rich console on stderr, for progress bars and live displays."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def is_animation_disabled() -> bool:
    """Tell whether progress bars are off: stderr is no terminal, or --quiet is set."""
    console = make_console()
    return QUIET or not (console.is_terminal or console.is_jupyter)


def show_status(text: str) -> AbstractContextManager[object]:
    """Show on a terminal what is being done, until the block ends."""
    return nullcontext() if is_animation_disabled() else make_console().status(make_plain_lines(text))


def track_items(items: Iterable[Item], text: str) -> Iterable[Item]:
    """Return items to loop over, and show on a terminal how many are done."""
    from rich.progress import track

    return track(list(items), text, console=make_console(), transient=True, disable=is_animation_disabled())


def relative_path(path: Path) -> Path:
    """Return a path relative to the working directory if it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def write_file(path: Path, text: str) -> None:
    """Write a text file and print its size; `-` writes to stdout.

    Raises:
        ProbekitError: the file cannot be written.
    """
    if path == Path("-"):
        print_output(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason, hint = explain_os_error(error, "Free some disk space, or choose another path.")
        raise ProbekitError(f"writing {path}", reason, hint) from error
    size = len(text.encode())
    print_info(f"wrote {path}, {f'{size / 1e6:.1f} MB' if size >= 1e5 else f'{size / 1e3:.0f} kB'}")
