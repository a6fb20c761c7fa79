"""A specification is a run as the user asked for it: probe, structure, scale, seed and trainer."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from probekit.catalog.grammar import Term, normalize_expression, parse_expression, parse_term
from probekit.plain import escape_lookalikes
from probekit.plugin.errors import UsageError

SEEDS = 2**32
"""Seeds are the numbers below it."""
EASY = "easy"
"""The parameter of a probe that makes its matched easy task."""
TEXTS = ("probe", "structure", "trainer")
"""Fields that hold an expression."""


class RunSpec(BaseModel):
    """A run as typed; None where the scale decides.

    Attributes:
        width: Channels.
        budget: The number of parameters to come near to. Excludes `width`.
        metrics: Metrics that plugins add to the probe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probe: str
    structure: str
    scale: str = "quick"
    seed: int = Field(default=0, ge=0, lt=SEEDS)
    trainer: str = "supervised"
    width: int | None = Field(default=None, ge=1)
    budget: int | None = Field(default=None, ge=1)
    metrics: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check_exclusive(self) -> RunSpec:
        if self.width is not None and self.budget is not None:
            raise ValueError("width and budget exclude each other: type one of them")
        return self


def make_spec(**fields: Any) -> RunSpec:
    """Return a RunSpec with its texts in canonical form, so that `average()` is `average`.

    Raises:
        UsageError: A field is unknown, missing or invalid.
    """
    texts: dict[str, Any] = {
        name: normalize_expression(text)
        for name, text in fields.items()
        if name in TEXTS and isinstance(text, str)
    }
    if metrics := fields.get("metrics"):
        texts["metrics"] = tuple(sorted(set(map(normalize_expression, metrics))))
    try:
        return RunSpec(**{**fields, **texts})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        request = f"{field} = {first['input']!r}" if field else "a run"
        raise UsageError(request, first["msg"].removeprefix("Value error, "), "") from None


def format_expression(text: str) -> str:
    """Return a stored expression in its canonical form, with look-alike letters spelled out."""
    return escape_lookalikes(normalize_expression(text))


def make_easy_probe(text: str) -> str:
    """Return a probe's text with its parameter `easy` set: the same task without what it needs."""
    term = parse_term(text)
    return str(Term(term.name, tuple(sorted({**dict(term.params), EASY: True}.items()))))


def is_easy_probe(text: str) -> bool:
    """Tell whether a probe, as its text, is an easy task."""
    return dict(parse_term(text).params).get(EASY) is True


def split_host(text: str) -> tuple[str, str]:
    """Return the first term of a stored structure, and the terms that it hosts, "" if there are none.

    A stored text that cannot be parsed is all host.
    """
    try:
        host, *hosted = parse_expression(text)
    except UsageError:
        return text, ""
    return str(host), "+".join(map(str, hosted))
