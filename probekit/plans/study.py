"""A study is a grid of runs written down: a TOML file of probes, structures, scales, seeds and trainers."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from probekit.errors import UsageError, did_you_mean, explain_refusal

MOST = 1 << 20
"""Bytes of a study file."""
Seed = Annotated[int, Field(ge=0)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Study(BaseModel):
    """What is run: each structure on each probe, at each scale, with each trainer and seed.

    seeds: how many, from 0 on, or which. executor: as typed, None for one by one in this process. timeout:
    seconds that a run may take.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    probes: Names
    structures: Names
    scales: Names = ("quick",)
    trainers: Names = ("supervised",)
    seeds: Annotated[int, Field(ge=1)] | Annotated[tuple[Seed, ...], Field(min_length=1)] = 3
    executor: str | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None

    @field_validator("probes", "structures", "scales", "trainers", "seeds", mode="before")
    @classmethod
    def _frozen(cls, value: object) -> object:
        """TOML has lists, and nothing that cannot change."""
        return tuple(value) if isinstance(value, list) else value

    @property
    def chosen(self) -> Sequence[int]:
        """The seeds, in order."""
        return range(self.seeds) if isinstance(self.seeds, int) else self.seeds


def read_study(path: Path) -> Study:
    """Read a study. Raises UsageError, in one sentence, where it cannot be read or meant."""
    asked = f"the study {path}"
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise UsageError(asked, *explain_refusal(error, "Name a TOML file.")) from error
    if len(content) > MOST:
        raise UsageError(asked, "it is larger than a megabyte", "Name a TOML file of a study.")
    try:
        return Study.model_validate(tomllib.loads(content.decode("utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(asked, f"it is no TOML ({error})", "See docs/studies.md.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(key, Study.model_fields)
            raise UsageError(asked, f"it has no key {key!r}", hint) from None
        raise UsageError(asked, f"{key}: {first['msg'].lower()}", "See docs/studies.md.") from None
