"""The grammar parses text like `unet+lambda(heads=8)+pe` into terms and writes it; it evaluates nothing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import NoReturn

from probekit.catalog.files import FILE_TERM, is_file_term, normalize_file_name
from probekit.plain import WORD as WORDS
from probekit.plain import describe_lookalike, to_latin
from probekit.plugin.components import NAME_PATTERN
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Value

TERM_NAME = re.compile(rf"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/){{0,2}}{NAME_PATTERN.pattern}")
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
BARE = re.compile(r"[A-Za-z0-9_+.~/-]+")
WORD, PATH = re.compile(r"[A-Za-z0-9_-]+"), re.compile(r"[A-Za-z_~./][A-Za-z0-9_.~/-]*")
INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")  # Python refuses to parse longer ones
FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None}
SPACE = re.compile(r"\s*")
MAX_LENGTH, EXCERPT_LENGTH = 4096, 80
"""The maximum number of characters of an expression, and of an excerpt of it in a message."""


@dataclass(frozen=True, slots=True)
class Term:
    """A name and its parameters; `str(term)` is its canonical text, and parses back to the term.

    Args:
        name: [[distribution/]plugin/]name, or a file term: `./my_layer.py:Swirl`.
        params: (key, value) pairs; they are sorted by key.

    Raises:
        UsageError: the name or a key is invalid, or a value is no `Value`, inf or nan.
    """

    name: str
    params: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", tuple(sorted(self.params, key=lambda pair: pair[0])))
        if not TERM_NAME.fullmatch(self.name) and not is_file_term(self.name):
            raise UsageError(f"the name {self.name!r}", "names are lower-case words joined by hyphens")
        for key, value in self.params:
            if not KEY.fullmatch(key):
                raise UsageError(f"{self.name}({key}=...)", f"{key!r} is not a parameter name")
            if not (value is None or isinstance(value, str | int | float)):
                problem = f"a {type(value).__name__} cannot be written in an expression"
                raise UsageError(
                    f"{self.name}({key}={value!r})", problem, "Give text, a number, a bool or None."
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise UsageError(
                    f"{self.name}({key}={value})", "inf and nan are not allowed", "Give a number."
                )

    def __str__(self) -> str:
        arguments = ",".join(f"{key}={format_value(value)}" for key, value in self.params)
        needs_quotes = is_file_term(self.name) and not FILE_TERM.fullmatch(self.name)
        name = json.dumps(self.name) if needs_quotes else self.name
        return f"{name}({arguments})" if arguments else name


def parse_expression(text: str) -> tuple[Term, ...]:
    """Return the terms of `a(k=v)+b+c`, from left to right.

    Double-quoted text follows JSON; single-quoted text is literal.

    Raises:
        UsageError: the text is no expression; the error names the position.
    """
    return tuple(_Parser(text).parse_terms())


def parse_term(text: str) -> Term:
    """Return the only term of a text.

    Raises:
        UsageError: the text has no term, or more than one.
    """
    terms = parse_expression(text)
    if len(terms) > 1:
        raise UsageError(quote_excerpt(text), f"one name was expected, not {len(terms)}", f"Try {terms[0]}.")
    return terms[0]


def normalize_expression(text: str) -> str:
    """Return the canonical text of an expression; a text that is no expression stays as it is."""
    try:
        return "+".join(map(str, parse_expression(text)))
    except UsageError:
        return text


def list_files(text: str) -> list[str]:
    """Return the normalised file terms in an expression, without their hashes."""
    return [normalize_file_name(term.name) for term in parse_expression(text) if is_file_term(term.name)]


def format_value(value: Value) -> str:
    """Return the canonical text of a value; it is quoted only if it would parse as another value."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    is_word = WORD.fullmatch(value) and value.lower() not in CONSTANTS
    if is_word and not FLOAT.fullmatch(value) and not NOT_FINITE.fullmatch(value):
        return value
    return json.dumps(value)


def quote_excerpt(text: str) -> str:
    """Return a text in quotes for a message, shortened if it is long."""
    literal = repr(text)
    return literal if len(literal) <= EXCERPT_LENGTH else f"{literal[:EXCERPT_LENGTH]}…"


class _Parser:
    """Parses a text from left to right; `position` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def parse_terms(self) -> list[Term]:
        if len(self.text) > MAX_LENGTH:
            problem = f"it has {len(self.text):,} characters, more than {MAX_LENGTH:,}"
            raise UsageError(f"the expression {quote_excerpt(self.text)}", problem, "Put the code in a file.")
        if not self.text.strip():
            raise UsageError("an empty expression", "there is no name in it", "Try unet or unet+lambda.")
        terms = [self.parse_term()]
        while not self.is_at_end():
            if not self.match_sign("+"):
                hint = re.sub(
                    r"^\s*(\w+)=(.*)", r"Type --\1 \2, or in Python \1=... as an argument.", self.text
                )
                join = "Join terms by '+', as in unet+lambda(heads=8)+pe."
                self.fail("'+' or the end was expected", join if hint == self.text else hint)
            terms.append(self.parse_term())
        return terms

    def parse_term(self) -> Term:
        start = self.position
        literal = self.match(QUOTED)
        name = self.unquote(literal, start) if literal else self.match(FILE_TERM) or self.match(TERM_NAME)
        if name is None or (literal and not is_file_term(name)):
            self.position = start
            self.fail(
                "a name was expected",
                "Names are lower-case words joined by hyphens, as global-context; a file's is ./net.py:Net, "
                "in quotes where it has spaces, brackets or +.",
            )
        params: dict[str, Value] = {}
        bracket = self.position
        if self.match_sign("(") and not self.match_sign(")"):
            self.parse_parameter(params)
            while not self.match_sign(")"):
                if self.is_at_end():
                    self.position = bracket
                    self.fail("this bracket is never closed", "Add ')'.")
                if not self.match_sign(","):
                    self.fail("',' or ')' was expected", "Write parameters as in name(key=value,key=value).")
                self.parse_parameter(params)
        return Term(name, tuple(params.items()))

    def parse_parameter(self, params: dict[str, Value]) -> None:
        start = self.position
        key = self.match(KEY)
        if key is None or not self.match_sign("="):
            self.position = start
            self.fail("key=value was expected", "Write parameters as in lambda(heads=8).")
        if key in params:
            self.position = start
            self.fail(f"{key} is given twice", f"Keep one {key}.")
        params[key] = self.parse_value()

    def parse_value(self) -> Value:
        start = self.position
        literal = self.match(QUOTED)
        if literal is not None:
            return self.unquote(literal, start)
        bare = self.match(BARE) or ""
        if self.is_at_end() or self.text[self.position] in ",)":
            if bare.lower() in CONSTANTS:
                return CONSTANTS[bare.lower()]
            if NOT_FINITE.fullmatch(bare):
                self.position = start
                self.fail("inf and nan are not allowed", "Give a number, or quote the word.")
            if INTEGER.fullmatch(bare):
                return int(bare)
            if FLOAT.fullmatch(bare) and math.isfinite(float(bare)):
                return float(bare)
            if (WORD.fullmatch(bare) or PATH.fullmatch(bare)) and not FLOAT.fullmatch(bare):
                return bare
        self.position = start
        if self.text[start : start + 1] in ("'", '"'):
            self.fail("this quote is never closed", "Close it.")
        self.fail("this is not a value", "A value is a number, true, false, none, a word, or text in quotes.")

    def unquote(self, literal: str, start: int) -> str:
        """Return the text between the quotes of a literal that starts at `start`."""
        if literal[0] == "'":
            return literal[1:-1]
        try:
            return str(json.loads(literal))
        except ValueError:
            self.position = start
            self.fail("this is not quoted as in JSON", r"Write \\ for a backslash, or use single quotes.")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Consume a match of the pattern and the space around it; return None if there is none."""
        self.skip_space()
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        self.skip_space()
        return match.group()

    def match_sign(self, sign: str) -> bool:
        return self.match(re.compile(re.escape(sign))) is not None

    def is_at_end(self) -> bool:
        return self.position == len(self.text)

    def skip_space(self) -> None:
        space = SPACE.match(self.text, self.position)
        self.position = space.end() if space else self.position

    def fail(self, problem: str, hint: str) -> NoReturn:
        self.skip_space()
        context = (
            f"before {quote_excerpt(self.text[self.position :])}" if not self.is_at_end() else "at the end"
        )
        for word in WORDS.finditer(self.text):
            if word.start() <= self.position <= word.end() and (lookalike := describe_lookalike(word[0])):
                problem, hint = lookalike, f"Type {to_latin(word[0])}."
        raise UsageError(
            f"the expression {quote_excerpt(self.text)}",
            f"character {self.position + 1}, {context}: {problem}",
            hint,
        )
