"""A study is a grid of runs in a TOML file: probes, structures, scales, seeds and trainers."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from probekit.plans.spec import SEEDS
from probekit.plugin.errors import UsageError, did_you_mean, explain_os_error

MAX_BYTES = 1 << 20
"""The largest study file."""
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Study(BaseModel):
    """A grid of runs: each structure on each probe, at each scale, with each trainer and seed.

    Attributes:
        seeds: How many seeds, counted from 0, or a list of seeds.
        executor: The executor as typed; None to run one by one in this process.
        timeout: Seconds that one run may take.
        observers: What observes the runs, such as `csv(path=runs.csv)`.
        metrics: Metrics that plugins add to the probes.
        rows: A file of rows whose runs count as done, as a path from the study's folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    probes: Names
    structures: Names
    scales: Names = ("quick",)
    trainers: Names = ("supervised",)
    seeds: Annotated[int, Field(ge=1)] | Annotated[tuple[Seed, ...], Field(min_length=1)] = 3
    executor: str | None = None
    timeout: Annotated[float, Field(gt=0)] | None = None
    observers: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    rows: str | None = None

    @field_validator(
        "probes", "structures", "scales", "trainers", "seeds", "observers", "metrics", mode="before"
    )
    @classmethod
    def _freeze_lists(cls, value: object) -> object:
        """Turn TOML's lists into tuples."""
        return tuple(value) if isinstance(value, list) else value

    @property
    def seed_list(self) -> Sequence[int]:
        """The seeds, in order."""
        return range(self.seeds) if isinstance(self.seeds, int) else self.seeds


def read_study(path: Path) -> Study:
    """Read a study; raises UsageError if it cannot be read or is invalid."""
    request = f"the study {path}"
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(request, *explain_os_error(error, "Name a TOML file.")) from error
    if len(content) > MAX_BYTES:
        raise UsageError(request, "it is larger than a megabyte", "Name a TOML file of a study.")
    try:
        return Study.model_validate(tomllib.loads(content.decode("utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(request, f"it is not TOML ({error})", "See docs/studies.md.") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(key, Study.model_fields)
            raise UsageError(request, f"it has no key {key!r}", hint) from None
        raise UsageError(request, f"{key}: {first['msg'].lower()}", "See docs/studies.md.") from None
