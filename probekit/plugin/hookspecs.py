"""The hooks through which plugins register components and observe runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

import pluggy

from probekit.plugin.components import Component
from probekit.plugin.interfaces import Row

hookspec = pluggy.HookspecMarker("probekit")
hookimpl = pluggy.HookimplMarker("probekit")


class RunPlan(Protocol):
    """The plan of a run, as an observer may read it when the run starts.

    Attributes:
        identity: the sha256 of everything that the result depends on.
        folder: the name of the run's folder in the store.
        probe, structure, trainer: their canonical texts, with every parameter.
        width: channels; None if the structure has no width.
    """

    @property
    def identity(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def probe(self) -> str: ...
    @property
    def structure(self) -> str: ...
    @property
    def trainer(self) -> str: ...
    @property
    def scale(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def width(self) -> int | None: ...
    @property
    def parameters(self) -> int: ...


class RunResult(Protocol):
    """The result of a run, as an observer may read it when it is stored.

    Attributes:
        metrics: mean test scores by metric; None if a metric applies to no item.
        train, extrapolation: the same on training items, and on the extrapolation split if there is one.
        floors: the scores of the best closed-form control by metric.
        verdict: the verdict on this run alone, in words; None if it failed or its probe is not installed.
        steps, seconds: the number of training steps and the training time.
        error: why the run failed, "" if it did not.
    """

    @property
    def plan(self) -> RunPlan: ...
    @property
    def status(self) -> Literal["done", "failed"]: ...
    @property
    def metrics(self) -> Mapping[str, float | None]: ...
    @property
    def train(self) -> Mapping[str, float | None]: ...
    @property
    def extrapolation(self) -> Mapping[str, float | None]: ...
    @property
    def floors(self) -> Mapping[str, float | None]: ...
    @property
    def verdict(self) -> str | None: ...
    @property
    def steps(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def error(self) -> str: ...


@hookspec
def probekit_components() -> Iterable[Component]:  # type: ignore[empty-body]
    """Return the components of the plugin.

    probekit calls it once, when a command starts; import torch and the like only in the modules that the
    components name.
    """


@hookspec
def probekit_run_started(plan: RunPlan, path: Path) -> None:
    """Observe that a run starts or resumes.

    An observer declares only the arguments that it uses. What it receives are copies. If it raises, probekit
    names it and calls it no more in this process. Its output goes to stderr.

    Args:
        plan: the plan of the run.
        path: the folder of the run.
    """


@hookspec
def probekit_run_progress(plan: RunPlan, path: Path, row: Row) -> None:
    """Observe one row of the training log: numbers by name, always with `step`, `steps` and `loss`."""


@hookspec
def probekit_run_finished(result: RunResult, path: Path) -> None:
    """Observe that a result is stored, with status "done" or "failed" and the plan of `run_started`."""
