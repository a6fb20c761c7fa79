"""A plan is a specification made exact: all that a result depends on, as text and numbers, hashed."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from probekit.finite import finite_alone
from probekit.plans.spec import RunSpec

ENGINE = 1
"""Raised when the engine scores or seeds differently, so that older results are not reused."""
PIN = re.compile(r"(\.py:[A-Za-z_]\w*)@[0-9a-f]{16}")
"""A file's name with the hash of what was run."""


RECORDED = ("torch", "numpy", "probekit-nn")
"""Distributions whose versions are recorded and not hashed: results outlive their updates."""


class Used(BaseModel):
    """A component a run rests on: where it came from, and the hash of its source (None where it has none).

    imports: the versions of the distributions that its code imports. values: the sha256 of what its code
    reads in its process that its source does not decide, by where it lies. files: the sha256 of each
    parameter that names a file.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    plugin: str
    distribution: str
    distribution_version: str
    version: int | None
    source: str | None
    imports: dict[str, str] = {}
    values: dict[str, str] = {}
    files: dict[str, str] = {}

    @property
    def seen(self) -> dict[str, object]:
        """What 0.1.0 did not see of its code: versions imported, values read, files named."""
        imports = {name: version for name, version in self.imports.items() if name not in RECORDED}
        found = {"imports": imports, "values": self.values, "files": self.files}
        return {name: value for name, value in found.items() if value}

    @property
    def hashed(self) -> list[object]:
        """What of it is part of a run's identity."""
        known = [self.kind, self.plugin, self.name, self.version, self.source or self.distribution_version]
        return [*known, self.seen] if self.seen else [*known]

    @property
    def code(self) -> str:
        """What stands for its code: the hash of its source, where it has none its distribution's version."""
        own = self.source or self.distribution_version
        if not self.seen:
            return own
        return hashlib.sha256(json.dumps([own, self.seen], sort_keys=True).encode()).hexdigest()


class Plan(BaseModel):
    """What will be done, all of it: a stored plan alone can be performed again.

    probe, structure, trainer: canonical texts. width: None where the structure has none; width_wished: the
    scale's, where it is another, and no part of the identity. budget_gap: parameters over budget, minus one.
    noise: the scale's measured noise between seeds by metric, empty
    where what was typed differs from the scale. nonce: set where a callable given from Python is not all in
    its source, so that its result is never reused.
    """

    model_config = ConfigDict(frozen=True)

    spec: RunSpec
    probe: str
    structure: str
    trainer: str
    scale: str
    seed: int
    width: int | None
    width_wished: int | None = None
    parameters: int
    budget: int | None
    budget_gap: float | None
    inputs: int
    outputs: int
    size: tuple[int, ...]
    components: tuple[Used, ...]
    noise: Annotated[dict[str, float], AfterValidator(finite_alone)]
    nonce: str = ""

    @property
    def identity(self) -> str:
        """Return the sha256 of all that a result depends on but the machine."""
        texts = {"probe", "structure", "trainer", "scale"}
        hashed = self.model_dump(include={*texts, "seed", "width", "parameters", "nonce"})
        hashed["engine"] = ENGINE
        hashed["components"] = [used.hashed for used in self.components]
        return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> str:
        """Return the name of the run's folder: readable, then the identity's first twelve digits."""
        asked = f"{self.spec.probe}-{self.spec.structure}-{self.scale}-s{self.seed}"
        return f"{readable(asked)}-{self.identity[:12]}"

    @property
    def question(self) -> tuple[str, str, str]:
        """Return what was asked: the probe as resolved, a file's whatever it held, its version, the scale."""
        return PIN.sub(r"\1", self.probe), str(self.asker.version), self.scale

    @property
    def comparable(self) -> tuple[str, str, str, str]:
        """Return what plans share whose scores may be compared: the question, and the code that puts it."""
        return self.probe, *self.question[1:], self.asker.code

    @property
    def asker(self) -> Used:
        """Return the probe among the components."""
        return next(used for used in self.components if used.kind == "probe")


def readable(text: str) -> str:
    """Return a text as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:80]
