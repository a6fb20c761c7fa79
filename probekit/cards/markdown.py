"""Markdown of a card: the same tables as in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from probekit.cards.card import Card
from probekit.cards.tables import Table, card_tables
from probekit.plain import make_plain


def card_to_markdown(card: Card) -> str:
    """Return a card as Markdown."""
    return tables_to_markdown(card_tables(card))


def tables_to_markdown(tables: Iterable[Table]) -> str:
    """Return tables as Markdown; the title of the first is the document's."""
    sections = []
    for index, table in enumerate(tables):
        lines = [f"{'#' if index == 0 else '##'} {escape_markdown(table.title)}", ""]
        lines += [format_row(table.heads), format_row(["---"] * len(table.heads))]
        lines += map(format_row, table.rows)
        lines += ["", *(f"- {escape_markdown(note)}" for note in table.notes)] if table.notes else []
        sections.append("\n".join(lines))
    return "\n\n".join(sections) + "\n"


def format_row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(escape_markdown(cell) if cell != '---' else cell for cell in cells)} |"


def escape_markdown(text: str) -> str:
    """Return text that Markdown shows literally."""
    safe = make_plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|#~])", r"\\\1", safe)
