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
    """Return what the plugin registers."""


@hookspec
def probekit_run_started(plan: Plan) -> None:
    """Look on as a run starts or resumes."""


@hookspec
def probekit_run_progress(plan: Plan, row: Mapping[str, float]) -> None:
    """Look on at each row of the log."""


@hookspec
def probekit_run_finished(result: Result) -> None:
    """Look on as a result is stored."""
