"""Markdown says a card in the tables that a terminal shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from probekit.cards.card import Card
from probekit.cards.tables import Table, tables
from probekit.plain import plain


def markdown(card: Card) -> str:
    """Return a card as Markdown: the tables that a terminal shows."""
    return in_markdown(tables(card))


def in_markdown(tables: Iterable[Table]) -> str:
    """Return tables as Markdown, the first one's title the document's."""
    parts = []
    for place, table in enumerate(tables):
        lines = [f"{'#' if place == 0 else '##'} {escaped(table.title)}", ""]
        lines += [line(table.heads), line(["---"] * len(table.heads)), *map(line, table.rows)]
        lines += ["", *(f"- {escaped(note)}" for note in table.notes)] if table.notes else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def line(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {' | '.join(escaped(cell) if cell != '---' else cell for cell in cells)} |"


def escaped(text: str) -> str:
    """Return text of which Markdown makes nothing but itself."""
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|#~])", r"\\\1", safe)
