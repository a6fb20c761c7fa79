"""A table prints rows of text: drawn on a terminal, aligned and uncut in a pipe."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from probekit.cli.messages import tell
from probekit.plain import plain
from probekit.plans.finite import as_json, nulled

if TYPE_CHECKING:
    from probekit.cards.tables import Table


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables with what must be known to read them."""
    for table in tables:
        print_table(table.title, table.heads, table.rows)
        for text in table.notes:
            tell(wrapped(plain(text)))
        if table.notes:
            tell()


def wrapped(text: str) -> str:
    """Return a note, indented; on a terminal in lines as wide as it is."""
    if not sys.stdout.isatty():
        return f"  {text}"
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def print_json(value: Any) -> None:
    """Print JSON values; a number that is not finite is null."""
    tell(as_json(nulled(value), indent=2))


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of cells under their heads, each one line of plain text.

    rich, which takes a tenth of a second, is imported on a terminal alone.
    """
    title, heads, rows = plain(title), [*map(plain, heads)], [[*map(plain, row)] for row in rows]
    if sys.stdout.isatty():
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        table = Table(*heads, title=title, title_justify="left", box=SIMPLE_HEAD)
        for column in table.columns:
            column.overflow = "fold"
        for row in rows:
            table.add_row(*row)
        Console(markup=False, highlight=False, emoji=False).print(table)
        return
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    if title:
        tell(title)
    for row in (heads, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        tell(f"  {line.rstrip()}")
    tell()
