"""Tells observers of one run, by copies: nothing that they do changes the run."""

from __future__ import annotations

from typing import Any

from pydantic import PrivateAttr

from probekit.catalog.registry import Registry
from probekit.plans.plan import Plan
from probekit.plugin.interfaces import Row
from probekit.runs import rng
from probekit.storage.folder import Folder
from probekit.storage.result import Result


class ObservedResult(Result):
    """A copy of a result, with its verdict."""

    _verdict: str | None = PrivateAttr(default=None)

    @property
    def verdict(self) -> str | None:
        """The verdict on this run alone, in words; None if there is none."""
        return self._verdict

    @property
    def extrapolation(self) -> dict[str, float | None]:
        """Means over the extrapolation split, if the probe has one."""
        return self.harder


class RunNotifier:
    """Tells the observers of a registry what happens to one run.

    Args:
        registry: the installed components and their observers.
        plan: the plan of the run.
        folder: the folder of the run.
    """

    def __init__(self, registry: Registry, plan: Plan, folder: Folder) -> None:
        self.registry, self.folder = registry, folder
        self.plan = plan.model_copy(deep=True)

    def notify_start(self) -> None:
        """Tell that the run starts or resumes."""
        self._notify("probekit_run_started", plan=self.plan)

    def notify_progress(self, row: Row) -> None:
        """Tell of a row of the training log."""
        self._notify("probekit_run_progress", plan=self.plan, row=dict(row))

    def notify_end(self, result: Result) -> None:
        """Tell that the result is stored."""
        hook = "probekit_run_finished"
        if self.registry.is_observed(hook):
            copy = result.model_copy(deep=True)
            observed = ObservedResult.model_construct(copy.model_fields_set, **dict(copy))
            observed._verdict = self.judge(result)
            self._notify(hook, result=observed)

    def judge(self, result: Result) -> str | None:
        """Return the verdict on the result; None if nothing judges it."""
        try:
            return None if self.registry.judge is None else self.registry.judge(result, self.folder)
        except Exception:  # a verdict that cannot be found is no reason to lose a run
            return None

    def _notify(self, hook: str, **arguments: Any) -> None:
        if self.registry.is_observed(hook):
            with rng.preserve_rng():
                self.registry.notify_observers(hook, path=self.folder.path, **arguments)
