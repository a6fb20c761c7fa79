"""A specification is what was asked: a probe, a structure, a scale, a seed and how to train."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from probekit.catalog.grammar import canonical
from probekit.errors import UsageError

TEXTS = ("probe", "structure", "trainer")
"""Fields that hold an expression."""


class RunSpec(BaseModel):
    """What was asked, as typed; None where the scale decides.

    width: channels. budget: parameters to come near to. Raises pydantic's ValidationError where both are
    given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probe: str
    structure: str
    scale: str = "quick"
    seed: int = Field(default=0, ge=0, lt=2**32)
    trainer: str = "supervised"
    width: int | None = Field(default=None, ge=1)
    budget: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def one_of_width_and_budget(self) -> RunSpec:
        if self.width is not None and self.budget is not None:
            raise ValueError("width and budget exclude each other: type one of them")
        return self


def make_spec(**asked: Any) -> RunSpec:
    """Return a RunSpec, its texts in one way of writing, so that `average()` is `average`.

    Raises UsageError, in one sentence, where pydantic raises ValidationError.
    """
    texts = {name: canonical(text) for name, text in asked.items() if name in TEXTS and isinstance(text, str)}
    try:
        return RunSpec(**{**asked, **texts})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "a run"
        found = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where} = {first['input']!r}" if first["loc"] else where, found, "") from None
