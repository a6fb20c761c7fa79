"""A plan is an exact specification with its hash; it names the run's folder, and its column on a card."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from probekit.plans.finite import drop_nonfinite
from probekit.plans.spec import RunSpec

ENGINE = 1
"""Raise it when the engine scores or seeds differently, so that older results are not reused."""
PIN = re.compile(r"(\.py:[A-Za-z_]\w*)@[0-9a-f]{16}")
"""A file's name with the hash of the code that was run."""
OWN_DISTRIBUTION = "probekit-nn"
"""Its version is not part of an identity: runs outlive an update if they replay under it."""


class UsedComponent(BaseModel):
    """A component that a run uses, and where it came from.

    Attributes:
        version: The version of a probe's data or of a trainer, as its class states it.
        files: The sha256 of each parameter that names a file.
        syntax: The digest of a trainer's code.
        source: The hash by which probekit 0.1 identified code; None since.
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
    def identity_fields(self) -> list[object]:
        """The fields that are part of a run's identity."""
        release = (
            [] if self.distribution == OWN_DISTRIBUTION else [self.distribution, self.distribution_version]
        )
        return [self.kind, self.plugin, self.name, self.version, *release, sorted(self.files.items())]


class Plan(BaseModel):
    """All that a run will do: a stored plan alone is enough to run it again.

    Attributes:
        probe, structure, trainer: Canonical texts.
        added_metrics: Canonical texts of the metrics that plugins add to the probe.
        width: None if the structure has none.
        width_wished: The scale's width, if `width` had to differ; not part of the identity.
        budget_gap: Parameters over budget, minus one.
        noise: The scale's measured noise between seeds by metric; empty if the specification differs
            from the scale.
        pins: The versions of all distributions that the components come from and require; empty if one
            of them is not a release, so that its code may change without a new version.
    """

    model_config = ConfigDict(frozen=True)

    spec: RunSpec
    probe: str
    structure: str
    trainer: str
    added_metrics: tuple[str, ...] = ()
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
    components: tuple[UsedComponent, ...]
    noise: Annotated[dict[str, float], AfterValidator(drop_nonfinite)]
    pins: dict[str, str] = {}

    @property
    def identity(self) -> str:
        """The sha256 of the request in canonical form; a replay, not the hash, checks the code."""
        texts = ("probe", "structure", "trainer", "scale")
        fields = {
            **{name: strip_hashes(getattr(self, name)) for name in texts},
            **self.model_dump(include={"seed", "width", "parameters"}),
            "engine": ENGINE,
            "components": [used.identity_fields for used in self.components],
        }
        if self.added_metrics:  # runs without them keep the identity of earlier versions
            fields["added_metrics"] = self.added_metrics
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> str:
        """The name of the run's folder: readable, then the first twelve digits of the identity."""
        name = slugify(f"{self.spec.probe}-{self.spec.structure}-{self.scale}-s{self.seed}")
        return f"{name}-{self.identity[:12]}"

    def name_file(self, topic: str) -> str:
        """Return the name of a folder on a topic, for this plan with any seed."""
        name = slugify(f"{topic}-{self.spec.probe}-{self.spec.structure}-{self.scale}")
        return f"{name[:60].strip('-.')}-{self.model_copy(update={'seed': 0}).identity[:12]}"

    @property
    def column_key(self) -> tuple[str, str, str]:
        """The probe without hashes of files, its version, and the scale: one column of a table."""
        return strip_hashes(self.probe), str(self.probe_component.version), self.scale

    @property
    def row_key(self) -> tuple[str, int | None, str]:
        """Structure, width and trainer, without hashes of files: one row of a table."""
        return strip_hashes(self.structure), self.width, strip_hashes(self.trainer)

    @property
    def probe_component(self) -> UsedComponent:
        """The probe among the components."""
        return next(used for used in self.components if used.kind == "probe")


def strip_hashes(text: str) -> str:
    """Return a text without the hashes of the files it names."""
    return PIN.sub(r"\1", text)


def slugify(text: str) -> str:
    """Return a text as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:80]
