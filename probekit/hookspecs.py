"""The doors: the hooks through which plugins enter and observers look on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import pluggy

from probekit.components import Component

if TYPE_CHECKING:
    from probekit.plan import Plan
    from probekit.result import Result

hookspec = pluggy.HookspecMarker("probekit")
hookimpl = pluggy.HookimplMarker("probekit")


@hookspec
def probekit_components() -> Iterable[Component]:  # type: ignore[empty-body]
    """Return what the plugin registers; called once, when a command begins, so nothing heavy is imported."""


@hookspec
def probekit_run_started(plan: Plan) -> None:
    """Look on as a run starts or resumes; plan.identity names the run, plan.folder its folder in the store.

    An observer takes of the arguments what it names, and changes nothing. One that raises is told no more in
    this process, and named; what it prints goes to stderr.
    """


@hookspec
def probekit_run_progress(plan: Plan, row: Mapping[str, float]) -> None:
    """Look on at each row of the log: numbers by name, step, steps and loss among them."""


@hookspec
def probekit_run_finished(result: Result) -> None:
    """Look on as a result is stored: its status is "done" or "failed", its plan is that of the start."""
