"""Messages are lines about probekit itself: they go to stderr, coloured on a terminal alone."""

from __future__ import annotations

import typer


def say(text: str) -> None:
    """Print what went wrong, red on a terminal."""
    typer.secho(f"probekit: {text}", err=True, fg=typer.colors.RED)


def note(text: str) -> None:
    """Print what is going on."""
    typer.echo(text, err=True)
