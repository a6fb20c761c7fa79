"""Plain text moves no cursor and changes no colour: what others wrote is shown through it."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return text as one line of printable signs."""
    return printable(" ".join(text.split()))


def lines(text: str) -> str:
    """Return text of several lines, of which all but line breaks and tabs is printable."""
    return "".join(one if one in "\n\t" else printable(one) for one in text.replace("\r\n", "\n"))


def printable(text: str) -> str:
    """Return the text with a mark in place of each sign that is not printable."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
