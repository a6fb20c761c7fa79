"""Tables on stdout: drawn on a terminal, aligned text in a pipe; also written to files."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probekit.plain import make_plain
from probekit.plans.finite import replace_nonfinite, to_json
from probekit.terminal.messages import print_output, write_file

if TYPE_CHECKING:
    from probekit.cards.tables import Table


def print_tables(tables: Iterable[Table]) -> None:
    """Print tables, each with its notes."""
    for table in tables:
        print_table(table.title, table.heads, table.rows)
        for text in table.notes:
            print_output(wrap_note(make_plain(text)))
        if table.notes:
            print_output()


def wrap_note(text: str) -> str:
    """Indent a note; on a terminal, also wrap it at the terminal's width."""
    if not sys.stdout.isatty():
        return f"  {text}"
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def print_json(value: Any) -> None:
    """Print a value as JSON; numbers that are not finite become null."""
    print_output(to_json(replace_nonfinite(value), indent=2))


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; each cell becomes one line of plain text."""
    title, heads, rows = (
        make_plain(title),
        [*map(make_plain, heads)],
        [[*map(make_plain, row)] for row in rows],
    )
    if sys.stdout.isatty():
        # importing rich takes 0.1 s, so pipes do without it
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
        print_output(title)
    for row in (heads, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print_output(f"  {line.rstrip()}")
    print_output()


def write_tables(title: str, about: str, tables: Sequence[Table], html: Path | None, md: Path | None) -> None:
    """Write tables to an HTML page, to a Markdown file, to both or to neither.

    Args:
        title: title of the page.
        about: introduction of the page.
        tables: what to write.
        html: path of the page; None writes none.
        md: path of the Markdown file; None writes none.
    """
    if html is not None:
        from probekit.pages.page import render_report

        write_file(html, render_report(title, about, tables))
    if md is not None:
        from probekit.cards.markdown import tables_to_markdown

        write_file(md, tables_to_markdown(tables))
