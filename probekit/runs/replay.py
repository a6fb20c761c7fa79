"""A replay repeats a run's first steps and its stored answers, to tell whether it would come out the same."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from sys import stderr
from typing import TYPE_CHECKING

from probekit.catalog.isolation import Isolation
from probekit.plans.job import Job
from probekit.plans.plan import Plan
from probekit.plugin.errors import ProbekitError, StoreError, describe_error
from probekit.plugin.stop import find_interrupt
from probekit.runs.answers import repeat_answers
from probekit.runs.fingerprint import observe_probe
from probekit.runs.first_steps import Start, observe_structure, observe_training, read_start
from probekit.runs.machine import read_environment
from probekit.storage.behaviour import Numbers, find_difference
from probekit.storage.equivalence import choose_tolerance, has_same_pins
from probekit.storage.folder import CHECKPOINT, Folder
from probekit.storage.result import Environment, Result

if TYPE_CHECKING:
    import torch

MAX_WAIT = 10.0
"""Seconds that a replay waits for the first row of a trainer that reports no steps."""


class Replay:
    """What a job does here and now, computed once and compared with stored runs of its plan.

    Attributes:
        rejected: Why a run was not reused, by its folder.
    """

    def __init__(self, job: Job, device: torch.device) -> None:
        self.job, self.device = job, device
        self.rejected: dict[Path, str] = {}

    @functools.cached_property
    def probe(self) -> Numbers:
        """The probe's fingerprint."""
        return observe_probe(self.job.source.target, self.job.plan.probe, self.job.probe)

    @functools.cached_property
    def training(self) -> Numbers:
        """The numbers of the first steps."""
        return observe_training(self.job, self.device)

    @functools.cached_property
    def recipe(self) -> Numbers:
        """The numbers of the first steps from seed 0, whatever the run's seed."""
        is_same = self.job.plan.seed == 0
        return self.training if is_same else observe_training(self.job.with_seed(0), self.device)

    @functools.cached_property
    def structure(self) -> Numbers:
        """The numbers of the network built from seed 0."""
        return observe_structure(self.job, self.device)

    @functools.cached_property
    def environment(self) -> Environment:
        """The environment of the replay."""
        return read_environment(self.device)

    def compare_run(self, folder: Folder, result: Result, *, everything: bool = False) -> str:
        """Return in words why a stored run would not come out the same now; "" if it would.

        Args:
            folder: The run's folder.
            result: The result in the folder.
            everything: Whether to replay a run of released components too, whose versions pin its code.
        """
        if result.unrepeatable:
            return f"it does not repeat itself ({result.unrepeatable})"
        if has_same_pins(result.plan, self.job.plan) and not everything:
            return ""
        relative = choose_tolerance(result.environment, self.environment)
        return self._compare_syntax(result.plan) or self._run_isolated(
            lambda: (
                self._compare_start(result) or repeat_answers(self.job, folder, result, self.device, relative)
            )
        )

    def may_resume(self, folder: Folder) -> str:
        """Return in words why an unfinished run may not go on with this job's code; "" if it may."""
        if not os.path.lexists(folder.path / CHECKPOINT):
            return ""
        plan, start = folder.read_spec(), read_start(folder)
        if has_same_pins(plan, self.job.plan):
            return ""
        if start.environment is None:
            folder.read_tensors(CHECKPOINT)  # a corrupt one raises, and nothing is run
            return "its first steps are not known"
        return self._compare_syntax(plan) or self._run_isolated(lambda: self._compare_start(start))

    def compare_numbers(self, start: Start | Result, name: str) -> str:
        """Return in words how the probe, structure or training differs from a run's; "" if it does not."""
        relative = choose_tolerance(start.environment, self.environment)
        return find_difference(getattr(start.behaviour, name), getattr(self, name), relative)

    def _compare_syntax(self, plan: Plan) -> str:
        for used, current in zip(plan.components, self.job.plan.components, strict=False):
            if used.syntax != current.syntax:
                return f"the code of {used.kind} {used.name} has changed"
        return ""

    def _compare_start(self, start: Start | Result) -> str:
        names = ["probe"]
        if not start.behaviour.reports_steps:
            names.append("structure")  # a row may not depend on the network
        if start.behaviour.reports_steps or start.behaviour.seconds <= MAX_WAIT:
            names.append("training")
        return next(filter(None, (self.compare_numbers(start, name) for name in names)), "")

    def _run_isolated(self, compare: Callable[[], str]) -> str:
        """Return what a comparison finds, or why it failed."""
        try:
            with Isolation().guard("replaying"), redirect_stdout(stderr):
                return compare()
        except (StoreError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a network that calls sys.exit must not end this process
            if (stopped := find_interrupt(error)) is not None:
                raise stopped from None
            message = error.problem if isinstance(error, ProbekitError) else describe_error(error)
            return f"it cannot be replayed ({message})"
