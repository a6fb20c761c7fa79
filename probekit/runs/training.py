"""Training runs a trainer, logs its rows and saves checkpoints on the way."""

from __future__ import annotations

import contextlib
import time
from math import isfinite
from typing import TYPE_CHECKING

from probekit.plans.job import Job
from probekit.plugin.errors import RunError
from probekit.plugin.interfaces import Dataset, Trainer
from probekit.plugin.steps import listen_to_steps
from probekit.plugin.stop import stop
from probekit.runs import rng
from probekit.runs.first_steps import FirstSteps, read_start, write_start
from probekit.runs.machine import read_environment
from probekit.runs.observers.notify import RunNotifier
from probekit.runs.session import Session
from probekit.runs.splits import make_trainer_view
from probekit.storage import checkpoint
from probekit.storage.checkpoint import TrainingState
from probekit.storage.folder import Folder

if TYPE_CHECKING:
    import torch
    from torch import nn

FIRST = 0.3
"""Seconds of training before the first checkpoint."""
SHARE = 0.005
"""The largest share of the time that later checkpoints may take."""


def train_model(
    job: Job,
    folder: Folder,
    notifier: RunNotifier,
    model: nn.Module,
    data: Dataset,
    device: torch.device,
    session: Session,
) -> TrainingState:
    """Train, or go on from the checkpoint; return the progress over all sessions.

    Raises:
        Stopped: A signal came between two steps; a checkpoint is saved.
        TimedOut: The time was over between two steps; a checkpoint is saved.
    """
    plan = job.plan
    trainer: Trainer = job.trainer.make()
    current = read_environment(device)
    before = checkpoint.restore_checkpoint(folder, model, current)
    if before.generators is not None:
        rng.restore_rng(before.generators)
    steps, rows = before.steps, before.rows
    start = saved = time.monotonic()
    pause = FIRST

    def save_progress() -> TrainingState:
        seconds = before.seconds + time.monotonic() - start
        reached = TrainingState(steps, rows, seconds, generators=rng.get_rng_state())
        checkpoint.save_checkpoint(folder, model, trainer, reached, current)
        return reached

    def record_first_steps() -> None:
        update = {"training": first.numbers, "seconds": first.seconds}
        write_start(folder, read_start(folder).behaviour.model_copy(update=update), current)

    probe = make_trainer_view(job.probe)
    first, listening = FirstSteps(), before.trainer is None
    model.train()
    with stop.defer_signals(), listen_to_steps(first) if listening else contextlib.nullcontext():
        for row in trainer.fit(model, probe, data, seed=plan.seed, device=device, state=before.trainer):
            steps = int(row.get("step", steps + 1))
            if not all(isfinite(value) for value in row.values()):
                raise RunError(
                    "training",
                    f"the loss is not finite at step {steps}",
                    "Lower the learning rate of the trainer, with --trainer.",
                )
            folder.append(row)
            rows += 1
            if listening:
                first.note_row(row)
                if first.complete:
                    record_first_steps()
                    listening = False
            notifier.notify_progress(row)
            session.report("train", row)
            now = time.monotonic()
            if stop.pending is not None or session.limit.is_over or now - saved > pause:
                save_progress()
                saved = time.monotonic()
                pause = (saved - now) / SHARE
                stop.raise_if_stopped()
                session.limit.raise_if_over()
        if listening:
            record_first_steps()
        return save_progress()
