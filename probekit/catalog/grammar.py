"""The grammar parses text like `unet+lambda(heads=8)+pe` into terms and writes it; it evaluates nothing."""

from __future__ import annotations

import contextlib
import json
import re
from typing import NoReturn

from probekit.catalog.files import FILE_TERM, is_file_term, normalize_file_name
from probekit.catalog.terms import BARE, KEY, NOT_FINITE, TERM_NAME, join_terms, parse_bare_value, walk_terms
from probekit.catalog.terms import Term as Term
from probekit.plain import WORD as WORDS
from probekit.plain import describe_lookalike, to_latin
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Value

QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'")
SPACE = re.compile(r"\s*")
MAX_LENGTH, EXCERPT_LENGTH, MAX_NESTING = 4096, 80, 8
"""The most characters of an expression, of an excerpt of it in a message, and brackets within brackets."""
PARAMETER_HINT = "Write parameters as in lambda(heads=8), and layers as in stripe(gru,transformer)."
STRIPE = "stripe"
"""The combinator that commas without brackets mean: `plain+gru,mamba` is `plain+stripe(gru,mamba)`."""


def parse_expression(text: str) -> tuple[Term, ...]:
    """Return the terms of `a(k=v)+b+c`, from left to right; of `a+b,c` they are those of `a+stripe(b,c)`.

    Double-quoted text follows JSON; single-quoted text is literal.

    Raises:
        UsageError: the text is no expression; the error names the position.
    """
    return _Parser(text).parse_expression()


def parse_term(text: str, *, takes_layers: bool = False) -> Term:
    """Return the only term of a text.

    Args:
        text: the text.
        takes_layers: whether it may be a combinator with its layers.

    Raises:
        UsageError: the text has no term, or more than one, or layers.
    """
    terms = parse_expression(text)
    if len(terms) > 1:
        raise UsageError(quote_excerpt(text), f"one name was expected, not {len(terms)}", f"Try {terms[0]}.")
    if terms[0].layers and not takes_layers:
        raise UsageError(quote_excerpt(text), "one name was expected, not a list of layers", PARAMETER_HINT)
    return terms[0]


def normalize_expression(text: str) -> str:
    """Return the canonical text of an expression; a text that is no expression stays as it is."""
    try:
        return join_terms(parse_expression(text))
    except UsageError:
        return text


def list_files(text: str) -> list[str]:
    """Return the normalised file terms in an expression, without their hashes."""
    names = (term.name for term in walk_terms(parse_expression(text)))
    return [normalize_file_name(name) for name in names if is_file_term(name)]


def quote_excerpt(text: str) -> str:
    """Return a text in quotes for a message, shortened if it is long."""
    literal = repr(text)
    return literal if len(literal) <= EXCERPT_LENGTH else f"{literal[:EXCERPT_LENGTH]}…"


class _Parser:
    """Parses a text from left to right; `position` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.open_brackets = self.deepest = 0

    def parse_expression(self) -> tuple[Term, ...]:
        if len(self.text) > MAX_LENGTH:
            problem = f"it has {len(self.text):,} characters, more than {MAX_LENGTH:,}"
            raise UsageError(f"the expression {quote_excerpt(self.text)}", problem, "Put the code in a file.")
        if not self.text.strip():
            raise UsageError("an empty expression", "there is no name in it", "Try unet or unet+lambda.")
        first, *layers = [self.parse_terms()]
        while not self.is_at_end():
            if not self.match_sign(","):
                hint = re.sub(
                    r"^\s*(\w+)=(.*)", r"Type --\1 \2, or in Python \1=... as an argument.", self.text
                )
                join = "Join terms by '+', as in unet+lambda(heads=8)+pe."
                self.fail("'+' or the end was expected", join if hint == self.text else hint)
            layers.append(self.parse_terms())
        if not layers:
            return first
        self.check_nesting(self.deepest + 1)
        host, hosted = (first[:1], first[1:]) if len(first) > 1 else ((), first)
        return *host, Term(STRIPE, layers=(hosted, *layers))

    def parse_terms(self) -> tuple[Term, ...]:
        terms = [self.parse_term()]
        while self.match_sign("+"):
            terms.append(self.parse_term())
        return tuple(terms)

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
        layers: list[tuple[Term, ...]] = []
        bracket = self.position
        if self.match_sign("(") and not self.match_sign(")"):
            self.open_brackets += 1
            self.check_nesting(self.open_brackets)
            self.parse_argument(params, layers)
            while not self.match_sign(")"):
                if self.is_at_end():
                    self.position = bracket
                    self.fail("this bracket is never closed", "Add ')'.")
                if not self.match_sign(","):
                    self.fail("',' or ')' was expected", "Write parameters as in name(key=value,key=value).")
                self.parse_argument(params, layers)
            self.open_brackets -= 1
        return Term(name, tuple(params.items()), tuple(layers))

    def parse_argument(self, params: dict[str, Value], layers: list[tuple[Term, ...]]) -> None:
        """Add the parameter or the layer that comes next."""
        start = self.position
        key = self.match(KEY)
        if key is None or not self.match_sign("="):
            self.position = start
            if not any(pattern.match(self.text, start) for pattern in (QUOTED, FILE_TERM, TERM_NAME)):
                self.fail("key=value was expected", PARAMETER_HINT)
            layers.append(self.parse_terms())
            return
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
            if NOT_FINITE.fullmatch(bare):
                self.position = start
                self.fail("inf and nan are not allowed", "Give a number, or quote the word.")
            with contextlib.suppress(ValueError):
                return parse_bare_value(bare)
        self.position = start
        if self.text[start : start + 1] in ("'", '"'):
            self.fail("this quote is never closed", "Close it.")
        kinds = "a number, true, false, none, a word, or text in quotes, such as 'sgd(momentum=0.8)'"
        self.fail("this is not a value", f"A value is {kinds}.")

    def unquote(self, literal: str, start: int) -> str:
        """Return the text between the quotes of a literal that starts at `start`."""
        if literal[0] == "'":
            return literal[1:-1]
        try:
            return str(json.loads(literal))
        except ValueError:
            self.position = start
            self.fail("this is not quoted as in JSON", r"Write \\ for a backslash, or use single quotes.")

    def check_nesting(self, depth: int) -> None:
        self.deepest = max(self.deepest, depth)
        if depth > MAX_NESTING:
            self.fail(f"brackets are nested more than {MAX_NESTING} deep", "Combine fewer layers.")

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
