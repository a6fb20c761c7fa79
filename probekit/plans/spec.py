"""A specification is what was asked: a probe, a structure, a scale, a seed and how to train."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from probekit.errors import UsageError


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
    """Return a RunSpec; raises UsageError, in one sentence, where pydantic raises ValidationError."""
    try:
        return RunSpec(**asked)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "a run"
        found = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where} = {first['input']!r}" if first["loc"] else where, found, "") from None
