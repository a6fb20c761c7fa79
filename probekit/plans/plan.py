"""A plan is a specification made exact: all that a result depends on, as text and numbers, hashed."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from probekit.plans.finite import finite_alone
from probekit.plans.spec import RunSpec

ENGINE = 1
"""Raised when the engine scores or seeds differently, so that older results are not reused."""
PIN = re.compile(r"(\.py:[A-Za-z_]\w*)@[0-9a-f]{16}")
"""A file's name with the hash of what was run."""


OWN = "probekit-nn"
"""The distribution whose version is no part of an identity: runs outlive its updates, where they replay."""


class Used(BaseModel):
    """A component that a run rests on, and where it came from.

    version: of a probe's data or of a trainer, as its class says. files: the sha256 of each parameter that
    names a file. syntax: the digest of a trainer's code. source: the hash by which probekit 0.1 told code
    apart, None since.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    plugin: str
    distribution: str
    distribution_version: str
    version: int | None
    files: dict[str, str] = {}
    syntax: str = ""
    source: str | None = None

    @property
    def hashed(self) -> list[object]:
        """What of it is part of a run's identity."""
        release = [] if self.distribution == OWN else [self.distribution, self.distribution_version]
        return [self.kind, self.plugin, self.name, self.version, *release, sorted(self.files.items())]


class Plan(BaseModel):
    """What will be done, all of it: a stored plan alone can be performed again.

    probe, structure, trainer: canonical texts. width: None where the structure has none; width_wished: the
    scale's, where it is another, and no part of the identity. budget_gap: parameters over budget, minus one.
    noise: the scale's measured noise between seeds by metric, empty
    where what was typed differs from the scale. pins: the versions of all distributions that its components
    come from and require, where these are releases; empty where one is not, so that its code may change
    unseen.
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
    pins: dict[str, str] = {}

    @property
    def identity(self) -> str:
        """Return the sha256 of what was asked, in canonical form; not of the code, which a replay tries."""
        texts = ("probe", "structure", "trainer", "scale")
        hashed = {name: unpin(getattr(self, name)) for name in texts}
        numbers = self.model_dump(include={"seed", "width", "parameters"})
        components = [used.hashed for used in self.components]
        fields = {**hashed, **numbers, "engine": ENGINE, "components": components}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> str:
        """Return the name of the run's folder: readable, then the identity's first twelve digits."""
        asked = f"{self.spec.probe}-{self.spec.structure}-{self.scale}-s{self.seed}"
        return f"{readable(asked)}-{self.identity[:12]}"

    @property
    def question(self) -> tuple[str, str, str]:
        """Return what was asked: the probe as resolved, a file's whatever it held, its version, the scale."""
        return unpin(self.probe), str(self.asker.version), self.scale

    @property
    def setting(self) -> tuple[str, int | None, str]:
        """Return what was put to the question, whatever files held: structure, width and trainer."""
        return unpin(self.structure), self.width, unpin(self.trainer)

    @property
    def asker(self) -> Used:
        """Return the probe among the components."""
        return next(used for used in self.components if used.kind == "probe")


def unpin(text: str) -> str:
    """Return a text in which files are named without what they held."""
    return PIN.sub(r"\1", text)


def readable(text: str) -> str:
    """Return a text as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:80]
