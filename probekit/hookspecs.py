"""The doors: the hooks through which plugins enter and observers look on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, Protocol

import pluggy

from probekit.components import Component
from probekit.interfaces import Row

hookspec = pluggy.HookspecMarker("probekit")
hookimpl = pluggy.HookimplMarker("probekit")


class RunPlan(Protocol):
    """What an observer may read of a run as it starts.

    identity: the sha256 of all that its result depends on. folder: the name of its folder in the store.
    probe, structure, trainer: their texts with every parameter. width: channels, None where the structure
    has none.
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
    """What an observer may read of a run as it is stored.

    metrics: test means by name, None where a metric applies to no item. steps, seconds: of training. error:
    why it failed, "" where it did not.
    """

    @property
    def plan(self) -> RunPlan: ...
    @property
    def status(self) -> Literal["done", "failed"]: ...
    @property
    def metrics(self) -> Mapping[str, float | None]: ...
    @property
    def steps(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def error(self) -> str: ...


@hookspec
def probekit_components() -> Iterable[Component]:  # type: ignore[empty-body]
    """Return what the plugin registers; called once, when a command begins, so nothing heavy is imported."""


@hookspec
def probekit_run_started(plan: RunPlan) -> None:
    """Look on as a run starts or resumes; plan.identity names the run, plan.folder its folder in the store.

    An observer takes of the arguments what it names, and changes nothing. One that raises is told no more in
    this process, and named; what it prints goes to stderr.
    """


@hookspec
def probekit_run_progress(plan: RunPlan, row: Row) -> None:
    """Look on at each row of the log: numbers by name, step, steps and loss among them."""


@hookspec
def probekit_run_finished(result: RunResult) -> None:
    """Look on as a result is stored: its status is "done" or "failed", its plan is that of the start."""
