"""A replay takes a run's first steps again and asks its weights for answers, to tell whether it holds."""

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
from probekit.errors import ProbekitError, StoreError, reason
from probekit.plans.job import Job
from probekit.plans.plan import Plan
from probekit.runs.first_steps import observe_structure, observe_training
from probekit.runs.machine import environment
from probekit.runs.network import compare_answers, load_trained
from probekit.runs.question import answer_test_items, observe_probe
from probekit.stop import behind
from probekit.storage.alike import pinned_alike, tolerance
from probekit.storage.behaviour import Behaviour, Numbers, difference
from probekit.storage.folder import ANSWERS, BEHAVIOUR, CHECKPOINT, Folder
from probekit.storage.result import Environment, Result

if TYPE_CHECKING:
    import torch

SLOW = 10.0
"""Seconds to the first row of a trainer that reports no steps, from which a replay does not wait for it."""


class Replay:
    """What a job does here and now, found out once, for stored runs of the same request to be held to it.

    rejected: why a run was not reused, by its folder.
    """

    def __init__(self, job: Job, device: torch.device) -> None:
        self.job, self.device = job, device
        self.rejected: dict[Path, str] = {}

    @functools.cached_property
    def probe(self) -> Numbers:
        """The numbers of the probe."""
        return observe_probe(self.job.source.target, self.job.plan.probe, self.job.probe)

    @functools.cached_property
    def training(self) -> Numbers:
        """The numbers of the first steps."""
        return observe_training(self.job, self.device)

    @functools.cached_property
    def structure(self) -> Numbers:
        """The numbers of the network that is built from seed 0."""
        return observe_structure(self.job, self.device)

    @functools.cached_property
    def environment(self) -> Environment:
        """Where the replay happens."""
        return environment(self.device)

    def compare(self, folder: Folder, result: Result) -> str:
        """Return in words why a stored run would not come out the same now; "" where it would."""
        if result.unrepeatable:
            return f"it does not repeat itself ({result.unrepeatable})"
        if pinned_alike(result.plan, self.job.plan):
            return ""
        return self.compare_anew(folder, result)

    def compare_anew(self, folder: Folder, result: Result) -> str:
        """Return what `compare` does, of a run whose code is pinned by its releases, too."""

        def compare_all() -> str:
            return self._compare_start(result.behaviour, result.environment) or self._compare_answers(
                folder, result
            )

        return self._compare_syntax(result.plan) or self._try(compare_all)

    def may_resume(self, folder: Folder) -> str:
        """Return in words why an unfinished run may not go on under this job's code; "" where it may."""
        if not os.path.lexists(folder.path / CHECKPOINT):
            return ""
        plan = folder.read_spec()
        if pinned_alike(plan, self.job.plan):
            return ""
        try:
            fields = folder.read_json(BEHAVIOUR)
            stored = Behaviour.model_validate(fields["behaviour"])
            where = Environment.model_validate(fields["environment"])
        except (StoreError, ValidationError, KeyError) as error:
            folder.read_tensors(CHECKPOINT)  # one that is broken is said to be, and nothing is run
            return f"what it did first is not known ({reason(error)})"
        return self._compare_syntax(plan) or self._try(lambda: self._compare_start(stored, where))

    def _compare_syntax(self, plan: Plan) -> str:
        for used, now in zip(plan.components, self.job.plan.components, strict=False):
            if used.syntax != now.syntax:
                return f"the code of {used.kind} {used.name} has changed"
        return ""

    def _compare_start(self, stored: Behaviour, where: Environment) -> str:
        relative = tolerance(where, self.environment)
        if differing := difference(stored.probe, self.probe, relative):
            return differing
        if not stored.reports_steps:
            # a row may say nothing of the network
            if differing := difference(stored.structure, self.structure, relative):
                return differing
            if stored.seconds > SLOW:
                return ""
        return difference(stored.training, self.training, relative)

    def _compare_answers(self, folder: Folder, result: Result) -> str:
        """Load the weights and ask them for the answers that were stored, with their scores."""
        relative = tolerance(result.environment, self.environment)
        if ANSWERS not in result.files:
            return ""
        tensors, about = folder.read_tensors(ANSWERS, result)
        model = load_trained(self.job, folder, result, self.device)
        outputs, scores = answer_test_items(
            model, self.job.probe, self.job.probe.data("test", 0), self.device
        )
        return compare_answers(tensors["outputs"], outputs, relative) or difference(
            about["scores"], scores, relative
        )

    def _try(self, compare: Callable[[], str]) -> str:
        """Return what a comparison finds, or why it could not be made."""
        try:
            with Isolation().of("replaying"), redirect_stdout(stderr):
                return compare()
        except (StoreError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a network that calls sys.exit is not reused, and that is all
            if (stopped := behind(error)) is not None:
                raise stopped from None
            said = error.found if isinstance(error, ProbekitError) else reason(error)
            return f"it cannot be replayed ({said})"
