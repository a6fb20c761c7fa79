"""A checkpoint is an unfinished run in one file: weights, trainer's state and length of the log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.plugin.errors import StoreError, describe_error
from probekit.plugin.interfaces import Trainer
from probekit.storage.disk import FORCE_HINT
from probekit.storage.folder import CHECKPOINT, LOG, Folder
from probekit.storage.result import Environment
from probekit.storage.state import pack_state, unpack_state

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class TrainingState:
    """A run's progress.

    Attributes:
        steps: Training steps.
        rows: Rows of the log.
        seconds: Seconds of training.
        trainer: The trainer's state.
        generators: The state of the global random number generators.
    """

    steps: int = 0
    rows: int = 0
    seconds: float = 0.0
    trainer: Mapping[str, Any] | None = None
    generators: Mapping[str, Any] | None = None


def save_checkpoint(
    folder: Folder, model: nn.Module, trainer: Trainer, reached: TrainingState, environment: Environment
) -> None:
    """Write a checkpoint; raises StoreError if the disk refuses."""
    # the trainer first: one that trains elsewhere brings the weights here then
    moments, trainer_state = pack_state(trainer.state_dict(), "trainer")
    weights, model_state = pack_state(dict(model.state_dict()), "model")
    rng_tensors, rng_state = pack_state(reached.generators, "generators")
    about = {
        "model": model_state,
        "trainer": trainer_state,
        "generators": rng_state,
        "steps": reached.steps,
        "rows": reached.rows,
        "seconds": reached.seconds,
        "log": folder.sync_log(),
        "environment": environment.model_dump(),
    }
    folder.write_tensors(CHECKPOINT, {**weights, **moments, **rng_tensors}, about)


def restore_checkpoint(folder: Folder, model: nn.Module, environment: Environment) -> TrainingState:
    """Load the folder's checkpoint into the model and cut the log to it; start afresh without one.

    Raises:
        StoreError: The checkpoint is not whole, its weights do not fit the network, or it was made in
            another environment, so that the rest would not be the run that began.
    """
    path = folder.path / CHECKPOINT
    if not os.path.lexists(path):
        folder.write(LOG, b"")
        return TrainingState()
    tensors, about = folder.read_tensors(CHECKPOINT)
    try:
        changes = environment.describe_changes(about["environment"])
        trainer, weights = unpack_state(about["trainer"], tensors), unpack_state(about["model"], tensors)
        log_hash = str(about["log"])
        generators = unpack_state(about["generators"], tensors)
        reached = TrainingState(about["steps"], about["rows"], about["seconds"], trainer, generators)
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"reading {path}", f"it is not a checkpoint ({error!r})", FORCE_HINT) from error
    if changes:
        problem = f"it started in another environment ({'; '.join(changes)})"
        raise StoreError(f"resuming {folder.path}", problem, f"Resume it there. {FORCE_HINT}")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        problem = f"the weights of its checkpoint do not fit the network ({describe_error(error)})"
        raise StoreError(f"resuming {folder.path}", problem, FORCE_HINT) from error
    folder.cut_log(reached.rows, log_hash)
    return reached
