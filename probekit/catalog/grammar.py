"""The grammar turns the text `unet+lambda(heads=8)+pe` into terms and back, and evaluates nothing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import NoReturn

from probekit.catalog.files import FILE, is_file, usual
from probekit.components import NAME
from probekit.errors import UsageError
from probekit.interfaces import Value
from probekit.plain import WORD as WORDS
from probekit.plain import disguise, latin

TERM_NAME = re.compile(rf"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/){{0,2}}{NAME.pattern}")
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
BARE = re.compile(r"[A-Za-z0-9_+.-]+")
WORD = re.compile(r"[A-Za-z0-9_-]+")
INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")  # what is longer Python refuses to read
FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
ENDLESS = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None}
SPACE = re.compile(r"\s*")
LONGEST, SHOWN = 4096, 80
"""Characters of an expression that are read, and of it or its rest that a message shows."""


@dataclass(frozen=True, slots=True)
class Term:
    """One name and its parameters; `str(term)` is its canonical text, and parses back to it.

    name: [[distribution/]plugin/]name, or a file's: `./my_layer.py:Swirl`. params: (key, value) pairs, kept
    sorted by key. Raises UsageError for what has no text: an impossible name, a value that is no Value, inf
    and nan.
    """

    name: str
    params: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(sorted(self.params, key=lambda pair: pair[0])))
        if not TERM_NAME.fullmatch(self.name) and not is_file(self.name):
            raise UsageError(f"the name {self.name!r}", "names are lower-case words joined by hyphens")
        for key, value in self.params:
            if not KEY.fullmatch(key):
                raise UsageError(f"{self.name}({key}=...)", f"{key!r} is no parameter name")
            if not (value is None or isinstance(value, str | int | float)):
                found = f"a {type(value).__name__} has no text"
                raise UsageError(
                    f"{self.name}({key}={value!r})", found, "Give text, a number, a bool or None."
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(f"{self.name}({key}={value})", "inf and nan are no values", "Give a number.")

    def __str__(self) -> str:
        inside = ",".join(f"{key}={write(value)}" for key, value in self.params)
        name = self.name if FILE.fullmatch(self.name) or not is_file(self.name) else json.dumps(self.name)
        return f"{name}({inside})" if inside else name


def parse(text: str) -> tuple[Term, ...]:
    """Return the terms of `a(k=v)+b+c`, left to right.

    Double-quoted text follows JSON, single-quoted text is taken as it is.
    Raises UsageError, with the position.
    """
    return tuple(_Reader(text).terms())


def parse_term(text: str) -> Term:
    """Return the one term of the text; raises UsageError where it has none, or several."""
    terms = parse(text)
    if len(terms) > 1:
        raise UsageError(quoted(text), f"one name was expected, not {len(terms)}", f"Try {terms[0]}.")
    return terms[0]


def canonical(text: str) -> str:
    """Return an expression written in one way, without empty brackets; a text that is none as it is."""
    try:
        return "+".join(map(str, parse(text)))
    except UsageError:
        return text


def file_names(text: str) -> list[str]:
    """Return the files that the terms of an expression name, without their hashes, each in its usual way."""
    return [usual(term.name) for term in parse(text) if is_file(term.name)]


def write(value: Value) -> str:
    """Return the canonical text of a value, quoted only where it would read as something else."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    plain = WORD.fullmatch(value) and value.lower() not in CONSTANTS
    if plain and not FLOAT.fullmatch(value) and not ENDLESS.fullmatch(value):
        return value
    return json.dumps(value)


def quoted(text: str) -> str:
    """Return the text as a message quotes it: its beginning alone, where it is long."""
    whole = repr(text)
    return whole if len(whole) <= SHOWN else f"{whole[:SHOWN]}…"


class _Reader:
    """Reads one text from left to right; `at` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def terms(self) -> list[Term]:
        if len(self.text) > LONGEST:
            found = f"it has {len(self.text):,} characters, more than {LONGEST:,}"
            raise UsageError(f"the expression {quoted(self.text)}", found, "Put the code in a file.")
        if not self.text.strip():
            raise UsageError("an empty expression", "there is no name in it", "Try unet or unet+lambda.")
        terms = [self.term()]
        while not self.ended():
            if not self.sign("+"):
                self.fail("'+' or the end was expected", "Join terms by '+', as in unet+lambda(heads=8)+pe.")
            terms.append(self.term())
        return terms

    def term(self) -> Term:
        start = self.at
        quoted = self.match(QUOTED)
        name = self.unquoted(quoted, start) if quoted else self.match(FILE) or self.match(TERM_NAME)
        if name is None or (quoted and not is_file(name)):
            self.at = start
            self.fail(
                "a name was expected",
                "Names are lower-case words joined by hyphens, as global-context; a file's is ./net.py:Net, "
                "in quotes where it has spaces, brackets or +.",
            )
        params: dict[str, Value] = {}
        opened = self.at
        if self.sign("(") and not self.sign(")"):
            self.parameter(params)
            while not self.sign(")"):
                if self.ended():
                    self.at = opened
                    self.fail("this bracket is never closed", "Add ')'.")
                if not self.sign(","):
                    self.fail("',' or ')' was expected", "Write parameters as in name(key=value,key=value).")
                self.parameter(params)
        return Term(name, tuple(params.items()))

    def parameter(self, params: dict[str, Value]) -> None:
        start = self.at
        key = self.match(KEY)
        if key is None or not self.sign("="):
            self.at = start
            self.fail("key=value was expected", "Write parameters as in lambda(heads=8).")
        if key in params:
            self.at = start
            self.fail(f"{key} is given twice", f"Keep one {key}.")
        params[key] = self.value()

    def value(self) -> Value:
        start = self.at
        quoted = self.match(QUOTED)
        if quoted is not None:
            return self.unquoted(quoted, start)
        bare = self.match(BARE) or ""
        if self.ended() or self.text[self.at] in ",)":
            if bare.lower() in CONSTANTS:
                return CONSTANTS[bare.lower()]
            if ENDLESS.fullmatch(bare):
                self.at = start
                self.fail("inf and nan are no values", "Give a number, or quote the word.")
            if INTEGER.fullmatch(bare):
                return int(bare)
            if FLOAT.fullmatch(bare) and math.isfinite(float(bare)):
                return float(bare)
            if WORD.fullmatch(bare) and not FLOAT.fullmatch(bare):
                return bare
        self.at = start
        if self.text[start : start + 1] in ("'", '"'):
            self.fail("this quote is never closed", "Close it.")
        self.fail("this is no value", "A value is a number, true, false, none, a word, or text in quotes.")

    def unquoted(self, quoted: str, start: int) -> str:
        """Return what stands between quotes that begin at `start`."""
        if quoted[0] == "'":
            return quoted[1:-1]
        try:
            return str(json.loads(quoted))
        except ValueError:
            self.at = start
            self.fail("this is not quoted as in JSON", r"Write \\ for a backslash, or use single quotes.")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Take what the pattern matches, with the space around it; None where it does not."""
        self.skip()
        found = pattern.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        self.skip()
        return found.group()

    def sign(self, sign: str) -> bool:
        return self.match(re.compile(re.escape(sign))) is not None

    def ended(self) -> bool:
        return self.at == len(self.text)

    def skip(self) -> None:
        found = SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def fail(self, found: str, hint: str) -> NoReturn:
        self.skip()
        there = f"before {quoted(self.text[self.at :])}" if not self.ended() else "at the end"
        here = (word for word in WORDS.finditer(self.text) if word.start() <= self.at <= word.end())
        for word in here:
            if odd := disguise(word[0]):
                found, hint = odd, f"Type {latin(word[0])}."
        raise UsageError(
            f"the expression {quoted(self.text)}", f"character {self.at + 1}, {there}: {found}", hint
        )
