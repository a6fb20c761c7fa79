"""Plain text moves no cursor and changes no colour: what others wrote is shown through it."""

from __future__ import annotations

import re
import unicodedata

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a cell begins with that a spreadsheet takes for a formula."""
LIKE = str.maketrans(
    "\u0430\u0441\u0435\u04bb\u0456\u0458\u043e\u0440\u0455\u0443\u0445\u0501\u051b\u051d\u04cf"  # Cyrillic
    "\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u03c5\u03c7\u03f2"  # Greek
    "\u0570\u0578\u057d\u0585\u0581"  # Armenian
    "\u0131\u0251\u0261\u01c0\u2010\u2011\u2212",
    "acehijopsyxdqwlaopvikuxchnuogiagl---",
)
"""Letters and hyphens of other scripts that are drawn like those of names."""
WORD = re.compile(r"[^\s+(),='\"/:;\[\]{}<>|]+")


def plain(text: str) -> str:
    """Return text as one line of printable signs."""
    return printable(" ".join(text.split()))


def lines(text: str) -> str:
    """Return text of several lines, of which all but line breaks and tabs is printable."""
    return "".join(one if one in "\n\t" else printable(one) for one in text.replace("\r\n", "\n"))


def printable(text: str) -> str:
    """Return the text with a mark in place of each sign that is not printable."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def as_cell(value: object) -> object:
    """Return a cell of comma-separated values that no spreadsheet takes for a formula; numbers stay."""
    if isinstance(value, str) and value.startswith(FORMULA) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def latin(text: str) -> str:
    """Return the text with Latin letters in place of those of other scripts that look like them."""
    return unicodedata.normalize("NFKC", text).translate(LIKE)


def look_alike(word: str) -> bool:
    """Tell whether a word looks like plain ASCII and is not: `l\u0430mbda` with a Cyrillic a."""
    return not word.isascii() and latin(word).isascii()


def marked(text: str) -> str:
    """Return names with each letter spelled out that only looks like one of a name, as `l\\u0430mbda`."""
    if text.isascii():
        return text
    return WORD.sub(lambda found: spelled_out(found[0]) if look_alike(found[0]) else found[0], text)


def spelled_out(word: str) -> str:
    """Return a word with a code in place of each sign that is not ASCII."""
    return "".join(one if one.isascii() else f"\\u{ord(one):04x}" for one in word)


def disguise(word: str) -> str:
    """Say which sign of a word only looks like a Latin one, "" where none does."""
    if not look_alike(word):
        return ""
    odd = next(sign for sign in word if not sign.isascii())
    name = unicodedata.name(odd, "unnamed")
    return f"{word} looks like {latin(word)}, but holds U+{ord(odd):04X}, {name.lower()}"
