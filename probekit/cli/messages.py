"""Messages are what a command says: answers on stdout, all else on stderr, coloured on a terminal alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from probekit.errors import ProbekitError, explain_refusal
from probekit.plain import lines

if TYPE_CHECKING:
    from rich.console import Console


def say(text: str) -> None:
    """Print what went wrong, red on a terminal."""
    typer.secho(f"probekit: {lines(text)}", err=True, fg=typer.colors.RED)


QUIET = False
"""Whether what is going on is told."""


def hush(quiet: bool) -> None:
    """Tell no more what is going on, or tell it again."""
    global QUIET
    QUIET = quiet


def console() -> Console:
    """Return rich's console on stderr, where all is drawn that moves."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def still() -> bool:
    """Tell whether nothing is drawn that moves: in a pipe, or as --quiet asks."""
    there = console()
    return QUIET or not (there.is_terminal or there.is_jupyter)


def note(text: str) -> None:
    """Print what is going on."""
    if not QUIET:
        typer.echo(lines(text), err=True)


def tell(text: str = "") -> None:
    """Print an answer on stdout."""
    typer.echo(lines(text))


def near(path: Path) -> Path:
    """Return a path as it is typed here: from the working directory on where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def write(path: Path, text: str) -> None:
    """Write a file, saying how large it is; `-` is standard output."""
    if path == Path("-"):
        tell(text)
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        found, hint = explain_refusal(error, "Make room, or name another place.")
        raise ProbekitError(f"writing {path}", found, hint) from error
    size = len(text.encode())
    note(f"wrote {path}, {f'{size / 1e6:.1f} MB' if size >= 1e5 else f'{size / 1e3:.0f} kB'}")
