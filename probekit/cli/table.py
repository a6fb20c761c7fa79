"""A table prints rows of text: drawn on a terminal, aligned and uncut in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells under their heads; rich, a tenth of a second, is imported on a terminal alone."""
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        table = Table(*heads, title=title, title_justify="left", box=SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        Console(markup=False, highlight=False, emoji=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    if title:
        typer.echo(title)
    for row in (heads, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(f"  {line.rstrip()}")
    typer.echo()
