"""A replay repeats a run's first steps and its stored answers, to tell whether it would come out the same."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from sys import stderr
from typing import TYPE_CHECKING

from pydantic import ValidationError

from probekit.catalog.isolation import Isolation
from probekit.plans.job import Job
from probekit.plans.plan import Plan
from probekit.plugin.errors import ProbekitError, StoreError, describe_error
from probekit.plugin.stop import find_interrupt
from probekit.runs.fingerprint import answer_test_items, observe_probe
from probekit.runs.first_steps import observe_structure, observe_training
from probekit.runs.machine import read_environment
from probekit.runs.network import compare_answers, load_trained
from probekit.storage.behaviour import Behaviour, Numbers, find_difference
from probekit.storage.equivalence import choose_tolerance, has_same_pins
from probekit.storage.folder import ANSWERS, BEHAVIOUR, CHECKPOINT, Folder
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
    def structure(self) -> Numbers:
        """The numbers of the network built from seed 0."""
        return observe_structure(self.job, self.device)

    @functools.cached_property
    def environment(self) -> Environment:
        """The environment of the replay."""
        return read_environment(self.device)

    def compare_run(self, folder: Folder, result: Result) -> str:
        """Return in words why a stored run would not come out the same now; "" if it would."""
        if result.unrepeatable:
            return f"it does not repeat itself ({result.unrepeatable})"
        if has_same_pins(result.plan, self.job.plan):
            return ""
        return self.compare_anew(folder, result)

    def compare_anew(self, folder: Folder, result: Result) -> str:
        """Return the same as `compare_run`, but replay a run of released code too."""
        return self._compare_syntax(result.plan) or self._run_isolated(
            lambda: (
                self._compare_start(result.behaviour, result.environment)
                or self._compare_answers(folder, result)
            )
        )

    def may_resume(self, folder: Folder) -> str:
        """Return in words why an unfinished run may not go on with this job's code; "" if it may."""
        if not os.path.lexists(folder.path / CHECKPOINT):
            return ""
        plan = folder.read_spec()
        if has_same_pins(plan, self.job.plan):
            return ""
        try:
            fields = folder.read_json(BEHAVIOUR)
            behaviour = Behaviour.model_validate(fields["behaviour"])
            origin = Environment.model_validate(fields["environment"])
        except (StoreError, ValidationError, KeyError) as error:
            folder.read_tensors(CHECKPOINT)  # a corrupt one raises, and nothing is run
            return f"its first steps are not known ({describe_error(error)})"
        return self._compare_syntax(plan) or self._run_isolated(
            lambda: self._compare_start(behaviour, origin)
        )

    def _compare_syntax(self, plan: Plan) -> str:
        for used, current in zip(plan.components, self.job.plan.components, strict=False):
            if used.syntax != current.syntax:
                return f"the code of {used.kind} {used.name} has changed"
        return ""

    def _compare_start(self, behaviour: Behaviour, origin: Environment) -> str:
        relative = choose_tolerance(origin, self.environment)
        if differing := find_difference(behaviour.probe, self.probe, relative):
            return differing
        if not behaviour.reports_steps:
            # a row may not depend on the network
            if differing := find_difference(behaviour.structure, self.structure, relative):
                return differing
            if behaviour.seconds > MAX_WAIT:
                return ""
        return find_difference(behaviour.training, self.training, relative)

    def _compare_answers(self, folder: Folder, result: Result) -> str:
        """Load the weights and compare their answers and scores with the stored ones."""
        if ANSWERS not in result.files:
            return ""
        relative = choose_tolerance(result.environment, self.environment)
        tensors, about = folder.read_tensors(ANSWERS, result)
        model = load_trained(self.job, folder, result, self.device)
        test = self.job.probe.data("test", 0)
        outputs, scores = answer_test_items(model, self.job.probe, test, self.device)
        return compare_answers(tensors["outputs"], outputs, relative) or find_difference(
            about["scores"], scores, relative
        )

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
