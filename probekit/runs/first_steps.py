"""First steps: the numbers that identify a structure and its training."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing, suppress
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from probekit.catalog.denormals import flush_denormals
from probekit.plans.golden import first_items
from probekit.plans.job import Job
from probekit.plugin.errors import StoreError
from probekit.plugin.interfaces import Row
from probekit.plugin.steps import FIRST_STEPS, gradient_norms, listen_to_steps, stop_listening
from probekit.runs import rng
from probekit.runs.answers import compute_answers
from probekit.runs.checks.network import check_network
from probekit.runs.fingerprint import finite_or_text
from probekit.runs.network import build_network
from probekit.runs.splits import make_trainer_view
from probekit.storage.behaviour import Behaviour, Numbers
from probekit.storage.folder import BEHAVIOUR, Folder
from probekit.storage.result import Environment

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class StepsKnown(BaseException):
    """Ends a training after its first steps; a BaseException, as trainers may catch an Exception."""


class FirstSteps:
    """Listens to a training's first steps, or to its first row if the trainer reports no steps.

    Args:
        count: The number of steps.
        only: Whether to end the training with `StepsKnown` once they are known.
    """

    def __init__(self, count: int = FIRST_STEPS, *, only: bool = False) -> None:
        self.count, self.only, self.steps, self.complete = count, only, 0, False
        self.numbers: Numbers = {}
        self.seconds = 0.0
        self._start = time.monotonic()

    def __call__(self, loss: float, gradients: dict[str, float], buffers: dict[str, float]) -> None:
        """Record a step."""
        self.steps += 1
        self.numbers[f"loss of step {self.steps}"] = finite_or_text(loss)
        if self.steps == 1:
            for kind, norms in (("gradient", gradients), ("buffer", buffers)):
                for name, norm in norms.items():
                    self.numbers[f"{kind} of {name} at step 1"] = finite_or_text(norm)
        if self.steps == self.count:
            self._end_listening()

    def note_row(self, row: Row) -> None:
        """Record the first row, if no step was reported before it."""
        if not self.steps:
            self.numbers |= {f"{name} of the first row": finite_or_text(value) for name, value in row.items()}
            self._end_listening()

    def _end_listening(self) -> None:
        self.complete, self.seconds = True, time.monotonic() - self._start
        if self.only:
            raise StepsKnown
        stop_listening()


class Start(BaseModel):
    """What a run did as it began, and where; it is stored so that no other code goes on with the run."""

    model_config = ConfigDict(frozen=True)

    behaviour: Behaviour = Behaviour()
    environment: Environment | None = None


def read_start(folder: Folder) -> Start:
    """Return what a folder says of its run's start; an empty one if there is none or it is not whole."""
    try:
        return Start.model_validate(folder.read_json(BEHAVIOUR))
    except (StoreError, ValidationError):
        return Start()


def write_start(folder: Folder, behaviour: Behaviour, environment: Environment) -> None:
    """Store a run's start."""
    folder.write_json(BEHAVIOUR, Start(behaviour=behaviour, environment=environment).model_dump())


def observe_training(job: Job, device: torch.device, count: int = FIRST_STEPS) -> Numbers:
    """Return the numbers of a run's first `count` steps, from a new network.

    Only the items that these steps need are drawn.
    """
    plan, trainer = job.plan, job.trainer.make()
    steps = FirstSteps(count, only=True)
    with rng.preserve_rng(), flush_denormals(), listen_to_steps(steps):
        model = build_network(job.expression, job.probe.shape, plan, device)
        check_network(model, job.probe.shape, device)
        model.train()
        data = job.probe.data("train", plan.seed)
        rows = trainer.fit(model, make_trainer_view(job.probe), data, seed=plan.seed, device=device)
        with suppress(StepsKnown), closing(cast("Generator[Row, None, None]", rows)):
            for row in rows:
                steps.note_row(row)
    return steps.numbers


def observe_structure(job: Job, device: torch.device) -> Numbers:
    """Return the outputs and gradient norms of the network built from seed 0, whatever the run's seed."""
    probe = job.probe
    inputs, targets = (column.to(device) for column in first_items(probe, "test"))
    with rng.preserve_rng():
        try:
            model = build_network(
                job.expression, probe.shape, job.plan.model_copy(update={"seed": 0}), device
            )
            check_network(model, probe.shape, device)
            outputs = compute_answers(model, probe, inputs).double().flatten(1).cpu()
            model.train()
            probe.loss(model(inputs.clone()), targets).backward()  # type: ignore[no-untyped-call]
        except Exception as error:  # training fails too, and says why
            return {"structure": f"raises {type(error).__name__}"}
    numbers = {f"output {item}, norm": float(row.norm()) for item, row in enumerate(outputs)}
    numbers |= {f"output {item}, projection": project_values(row) for item, row in enumerate(outputs)}
    numbers |= {f"gradient of {name}": norm for name, norm in gradient_norms(model).items()}
    return {name: finite_or_text(value) for name, value in numbers.items()}


def project_values(values: Tensor) -> float:
    """Return a weighted sum of values, one weight per index, to see their order as well as their size."""
    import torch

    return float((values * torch.arange(len(values), dtype=values.dtype).cos()).sum())
