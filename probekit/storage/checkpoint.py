"""A checkpoint is a run half done: weights, trainer's state and length of the log, all in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probekit.errors import StoreError
from probekit.interfaces import Trainer
from probekit.storage import disk
from probekit.storage.disk import ANEW
from probekit.storage.folder import CHECKPOINT, LOG, Folder
from probekit.storage.result import Environment
from probekit.storage.state import pack, unpack

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a run has come: steps, rows of the log, seconds of training, the trainer's state there and that
    of the global generators."""

    steps: int = 0
    rows: int = 0
    seconds: float = 0.0
    trainer: Mapping[str, Any] | None = None
    generators: Mapping[str, Any] | None = None


def save(folder: Folder, model: nn.Module, trainer: Trainer, reached: Reached, here: Environment) -> None:
    """Write a checkpoint; raises StoreError where the disk does not take it."""
    # the trainer first: one that trains elsewhere brings the weights here then
    moments, trainer_state = pack(trainer.state_dict(), "trainer")
    weights, model_state = pack(dict(model.state_dict()), "model")
    drawn, generators = pack(reached.generators, "generators")
    about = {
        "model": model_state,
        "trainer": trainer_state,
        "generators": generators,
        "steps": reached.steps,
        "rows": reached.rows,
        "seconds": reached.seconds,
        "log": folder.sync_log(),
        "environment": here.model_dump(),
    }
    folder.write_tensors(CHECKPOINT, {**weights, **moments, **drawn}, about)


def restore(folder: Folder, model: nn.Module, here: Environment) -> Reached:
    """Load the folder's checkpoint into the model and cut the log to it; start afresh where there is none.

    Raises StoreError where it is not whole, or where another environment made it: what follows would then
    not be the run that began.
    """
    path = folder.path / CHECKPOINT
    if not os.path.lexists(path):
        folder.write(LOG, b"")
        return Reached()
    tensors, about = folder.read_tensors(CHECKPOINT)
    try:
        changed = here.changes(about["environment"])
        trainer, weights = unpack(about["trainer"], tensors), unpack(about["model"], tensors)
        log = str(about["log"])
        generators = unpack(about["generators"], tensors)
        reached = Reached(about["steps"], about["rows"], about["seconds"], trainer, generators)
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"reading {path}", f"it is no checkpoint ({error!r})", ANEW) from error
    if changed:
        found = f"it was begun elsewhere ({'; '.join(changed)})"
        raise StoreError(f"going on in {folder.path}", found, f"Go on there. {ANEW}")
    folder.cut_log(reached.rows, log)
    model.load_state_dict(weights)
    return reached


def remove(folder: Folder) -> None:
    """Remove the checkpoint of a run that is done; raises StoreError where the disk refuses."""
    disk.remove(folder.path / CHECKPOINT)
