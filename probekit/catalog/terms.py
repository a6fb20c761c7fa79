"""A term is a name with its parameters and layers; its canonical text parses back to it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from probekit.catalog.files import FILE_TERM, is_file_term
from probekit.plugin.components import NAME_PATTERN
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Value

TERM_NAME = re.compile(rf"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*/){{0,2}}{NAME_PATTERN.pattern}")
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
BARE = re.compile(r"[A-Za-z0-9_+.~/-]+")
WORD, PATH = re.compile(r"[A-Za-z0-9_-]+"), re.compile(r"[A-Za-z_~./][A-Za-z0-9_.~/-]*")
INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")  # Python refuses to parse longer ones
FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
CONSTANTS: dict[str, Value] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True, slots=True)
class Term:
    """A name with its parameters and layers; `str(term)` is its canonical text, and parses back to the term.

    Args:
        name: [[distribution/]plugin/]name, or a file term: `./my_layer.py:Swirl`.
        params: (key, value) pairs; they are sorted by key.
        layers: the layers of a combinator in order, each as its terms: a layer, and its encoding if any.

    Raises:
        UsageError: the name or a key is invalid, or a value is no `Value`, inf or nan.
    """

    name: str
    params: tuple[tuple[str, Value], ...] = ()
    layers: tuple[tuple[Term, ...], ...] = ()

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
        layers = map(join_terms, self.layers)
        arguments = ",".join([*layers, *(f"{key}={format_value(value)}" for key, value in self.params)])
        needs_quotes = is_file_term(self.name) and not FILE_TERM.fullmatch(self.name)
        name = json.dumps(self.name) if needs_quotes else self.name
        return f"{name}({arguments})" if arguments else name


def join_terms(terms: Iterable[Term]) -> str:
    """Return the canonical text of terms that belong together."""
    return "+".join(map(str, terms))


def walk_terms(terms: Iterable[Term]) -> Iterator[Term]:
    """Yield terms, and after each those of its layers."""
    for term in terms:
        yield term
        for layer in term.layers:
            yield from walk_terms(layer)


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


def parse_bare_value(text: str) -> Value:
    """Return the value of a text without quotes.

    Raises:
        ValueError: it is no value.
    """
    if text.lower() in CONSTANTS:
        return CONSTANTS[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        if math.isfinite(float(text)):
            return float(text)
    elif WORD.fullmatch(text) or PATH.fullmatch(text):
        return text
    raise ValueError(text)
