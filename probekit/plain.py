"""Plain text moves no cursor and changes no colour, so text from users and plugins is safe to show.

The same text is made safe for CSV cells and HTML tables.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""First characters of a cell that a spreadsheet reads as a formula."""
LOOKALIKES = str.maketrans(
    "\u0430\u0441\u0435\u04bb\u0456\u0458\u043e\u0440\u0455\u0443\u0445\u0501\u051b\u051d\u04cf"  # Cyrillic
    "\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u03c5\u03c7\u03f2"  # Greek
    "\u0570\u0578\u057d\u0585\u0581"  # Armenian
    "\u0131\u0251\u0261\u01c0\u2010\u2011\u2212",
    "acehijopsyxdqwlaopvikuxchnuogiagl---",
)
"""Letters and hyphens of other scripts that look like those of names."""
WORD = re.compile(r"[^\s+(),='\"/:;\[\]{}<>|]+")


def make_plain(text: str) -> str:
    """Return text as one line of printable characters."""
    return replace_unprintable(" ".join(text.split()))


def make_plain_lines(text: str) -> str:
    """Return text of several lines in which all but line breaks and tabs is printable."""
    text = text.replace("\r\n", "\n")
    return "".join(char if char in "\n\t" else replace_unprintable(char) for char in text)


def replace_unprintable(text: str) -> str:
    """Replace each unprintable character by U+FFFD."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def escape_cell(value: object) -> object:
    """Return a CSV cell that no spreadsheet reads as a formula; numbers stay."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def to_latin(text: str) -> str:
    """Replace letters of other scripts by the Latin letters that they look like."""
    return unicodedata.normalize("NFKC", text).translate(LOOKALIKES)


def is_lookalike(word: str) -> bool:
    """Return whether a word looks like plain ASCII but is not: `l\u0430mbda` with a Cyrillic a."""
    return not word.isascii() and to_latin(word).isascii()


def escape_lookalikes(text: str) -> str:
    """Spell out letters that only look like those of a name, as in `l\\u0430mbda`."""
    if text.isascii():
        return text
    return WORD.sub(lambda match: escape_non_ascii(match[0]) if is_lookalike(match[0]) else match[0], text)


def escape_non_ascii(word: str) -> str:
    """Replace each character that is not ASCII by its code."""
    return "".join(char if char.isascii() else f"\\u{ord(char):04x}" for char in word)


def describe_lookalike(word: str) -> str:
    """Name the first character of a word that only looks like a Latin one; "" if there is none."""
    if not is_lookalike(word):
        return ""
    char = next(char for char in word if not char.isascii())
    name = unicodedata.name(char, "unnamed")
    return f"{word} looks like {to_latin(word)}, but contains U+{ord(char):04X}, {name.lower()}"


def render_html_table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> str:
    """Return an HTML table with a title and notes, for notebooks; all its content is escaped."""
    head = "".join(f"<th>{escape_html(text)}</th>" for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape_html(text)}</td>' for text in row)}</tr>" for row in rows)
    footer = "".join(f"<p>{escape_html(text)}</p>" for text in notes)
    top = f"<caption>{escape_html(title)}</caption><thead><tr>{head}</tr></thead>"
    return f"<table>{top}<tbody>{body}</tbody></table>{footer}"


def escape_html(text: str) -> str:
    """Return text as plain text in HTML."""
    return html.escape(make_plain(text))
