"""HTML of a table, for notebooks: all that is put into it is text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from probekit.plain import plain


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()) -> str:
    """Return a table with a title and notes."""
    head = "".join(f"<th>{safe(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{safe(text)}</td>' for text in row)}</tr>" for row in rows)
    under = "".join(f"<p>{safe(text)}</p>" for text in notes)
    top = f"<caption>{safe(title)}</caption><thead><tr>{head}</tr></thead>"
    return f"<table>{top}<tbody>{body}</tbody></table>{under}"


def safe(text: str) -> str:
    """Return text that is nothing but text in HTML."""
    return escape(plain(text))
