"""A table prints rows of text: drawn on a terminal, aligned and uncut in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from probekit.finite import as_json, nulled

if TYPE_CHECKING:
    from probekit.cards.tables import Table


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables with what must be known to read them; control characters are left out."""
    from probekit.cards.words import plain

    for table in tables:
        rows = [[plain(cell) for cell in row] for row in table.rows]
        print_table(plain(table.title), [plain(head) for head in table.heads], rows)
        for text in table.notes:
            typer.echo(f"  {plain(text)}")
        if table.notes:
            typer.echo()


def print_json(value: Any) -> None:
    """Print JSON values; a number that is not finite is null."""
    typer.echo(as_json(nulled(value), indent=2))


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
