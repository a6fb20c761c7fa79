"""The engine performs a plan: it seeds, trains, checkpoints, scores and stores."""

from __future__ import annotations

import contextlib
import time
import traceback
from math import isfinite
from typing import TYPE_CHECKING

from probekit.catalog.denormals import flushed
from probekit.catalog.isolation import Isolation
from probekit.catalog.registry import Registry
from probekit.catalog.syntax import syntax_digest
from probekit.errors import ProbekitError, RunError, StoreError, reason
from probekit.interfaces import Dataset, Trainer
from probekit.plans.job import Job
from probekit.runs import generators
from probekit.runs.behaviour import (
    observe_recipe,
    observe_start,
    read_behaviour,
    repeat_start,
    store_answers,
    write_training,
)
from probekit.runs.first_steps import FirstSteps
from probekit.runs.machine import environment
from probekit.runs.network import apart, build, check, weights_hash
from probekit.runs.room import sufficient
from probekit.runs.sitting import Sitting, Watch
from probekit.runs.splits import splits
from probekit.scores.look import looked_at
from probekit.scores.score import floors, intervals, means, score, unscored
from probekit.steps import listen
from probekit.stop import Limit, behind, stop
from probekit.storage import checkpoint
from probekit.storage.attempt import attempted
from probekit.storage.checkpoint import Reached
from probekit.storage.curve import logged, spike
from probekit.storage.folder import BEHAVIOUR, CHECKPOINT, LOG, SCORES, WEIGHTS, Folder
from probekit.storage.result import Result

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

TRACE = "traceback.txt"
FIRST = 0.3
"""Seconds of training before the first checkpoint."""
SHARE = 0.005
"""The most of the time that checkpoints may take from then on."""


def perform(
    job: Job,
    folder: Folder,
    registry: Registry,
    device: torch.device,
    watch: Watch | None = None,
    timeout: float | None = None,
) -> Result:
    """Do what the plan says in the folder, going on from its checkpoint if there is one, and store the
    result.

    watch: called with what is being done ("prepare", "train", "score") and a row for it. timeout: seconds
    that this sitting may take. A run that fails, in whatever way, is stored as failed, with its traceback
    beside it, and returned; so is one whose process died twice at the same place. Ctrl-C is no different from
    a kill: the same plan goes on from the last checkpoint. Raises StoreError where the disk refuses, Stopped
    where a signal came, once a checkpoint is saved.
    """
    plan, isolation, limit = job.plan, Isolation(dict(job.put_back)), Limit(timeout)
    registry.notify("probekit_run_started", plan=plan)
    try:
        code = "".join(syntax_digest(part.target) for part in job.parts)
        with attempted(folder, code) as attempt, limit.held():
            sitting = Sitting(attempt, isolation, limit, watch or (lambda stage, row: None))
            result = _perform(job, folder, registry, device, sitting)
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a network that calls sys.exit fails itself alone
        if (stopped := behind(error)) is not None:
            raise stopped from None
        trace = traceback.format_exc().encode(errors="backslashreplace")
        said = str(error) if isinstance(error, ProbekitError) else f"{reason(error)}."
        said = f"{said} {job.suggest_checks()}".strip()
        files = {TRACE: folder.write(TRACE, trace)}
        if (folder.path / LOG).exists():
            files[LOG] = folder.sync_log()
        result = Result(
            plan=plan,
            status="failed",
            environment=environment(device),
            error=said,
            files=files,
            behaviour=read_behaviour(folder),
        )
    result = result.model_copy(update={"put_back": isolation.put_back, "stored": time.time()})
    folder.write_result(result)
    if result.status == "done":
        folder.remove(CHECKPOINT)
        folder.remove(BEHAVIOUR)  # which the result holds
    registry.notify("probekit_run_finished", result=result)
    return result


def _perform(job: Job, folder: Folder, registry: Registry, device: torch.device, sitting: Sitting) -> Result:
    plan, probe, tell = job.plan, job.probe, sitting.tell
    with sitting.of("drawing data"):
        data = splits(job)
        data.draw(tell)
    train, test, harder = data.train, data.test, data.harder
    with sitting.of("building"):
        model = build(job.expression, probe.shape, plan, device)
    with sitting.of("answering first"):
        check(model, probe.shape, device)
        sufficient(job, model, device)
        observe_start(job, folder, device)
    with sitting.of("training"), flushed():
        reached = train_model(job, folder, registry, model, train, device, sitting)
    model.eval()
    state = model.state_dict()
    weights = weights_hash(state)
    files = {LOG: folder.sync_log(), WEIGHTS: folder.write_tensors(WEIGHTS, *apart(state))}
    behaviour = read_behaviour(folder)
    with sitting.of("loading it again"), flushed():
        restored = store_answers(job, model, test, folder, files, device)
        unrepeatable = repeat_start(job, behaviour, device)
        behaviour = behaviour.model_copy(update={"recipe": observe_recipe(job, behaviour, device)})
    held = data.validation
    scored: list[dict[str, Tensor]] = []
    with sitting.of("scoring"), flushed():
        for split, count in ((test, len(test)), (train, min(len(test), len(train))), (held, len(held))):
            tell("score", {"step": len(scored), "steps": 4})
            scored.append(score(model, probe, split, count, device))
        beyond = {} if harder is None else score(model, probe, harder, len(harder), device)
    items, own, chosen_by = scored
    files[SCORES] = folder.write_tensors(SCORES, items)
    tell("score", {"step": 3, "steps": 4})
    metrics, training, within = means(items), means(own), intervals(items, probe.metrics)
    for metric in probe.metrics:
        here, there = metrics[metric.name], training[metric.name]
        if metric.gap:
            metrics[metric.gap] = None if here is None or there is None else here - there
    with sitting.of("looking at it"):
        first = items[probe.metrics[0].name]
        beside = looked_at(job, model, train, test, harder, first, folder, device)
    tell("score", {"step": 4, "steps": 4})
    return Result(
        plan=plan,
        status="done",
        metrics=metrics,
        train=training,
        validation=means(chosen_by),
        harder=means(beyond),
        unscored={
            prefix + name: why
            for prefix, found in (("", items), ("train/", own), ("validation/", chosen_by))
            for name, why in unscored(found).items()
        },
        measured=beside.measured,
        controls=data.controls,
        floors=floors(probe, data.controls),
        ceiling=data.ceiling,
        intervals={name: (one.low, one.high) for name, one in within.items()},
        counts={name: one.count for name, one in within.items()},
        spike=spike(logged(folder)),
        steps=reached.steps,
        seconds=reached.seconds,
        flops=beside.flops,
        along=beside.along,
        missing=beside.missing,
        weights=weights,
        environment=environment(device),
        behaviour=behaviour,
        restored=restored,
        unrepeatable=unrepeatable,
        files={**files, **beside.files},
    )


def train_model(
    job: Job,
    folder: Folder,
    registry: Registry,
    model: nn.Module,
    data: Dataset,
    device: torch.device,
    sitting: Sitting,
) -> Reached:
    """Train, or go on from the checkpoint; return what was reached over all sittings.

    Raises Stopped or TimedOut between two steps, once a checkpoint is saved.
    """
    plan = job.plan
    trainer: Trainer = job.trainer.make()
    here = environment(device)
    before = checkpoint.restore(folder, model, here)
    if before.generators is not None:
        generators.restore(before.generators)
    steps, rows, noted = before.steps, before.rows, False
    start = saved = time.monotonic()
    pause = FIRST

    def save() -> Reached:
        seconds = before.seconds + time.monotonic() - start
        reached = Reached(steps, rows, seconds, generators=generators.state())
        checkpoint.save(folder, model, trainer, reached, here)
        return reached

    first = FirstSteps()
    model.train()
    with stop.later(), listen(first) if before.trainer is None else contextlib.nullcontext():
        for row in trainer.fit(model, job.probe, data, seed=plan.seed, device=device, state=before.trainer):
            steps = int(row.get("step", steps + 1))
            if not all(isfinite(value) for value in row.values()):
                raise RunError("training", f"the loss is not finite at step {steps}", "Lower the rate.")
            folder.append(row)
            rows += 1
            if before.trainer is None:
                first.note_row(row)
                if first.complete and not noted:
                    noted = write_training(folder, first, here)
            registry.notify("probekit_run_progress", plan=plan, row=row)
            sitting.tell("train", row)
            now = time.monotonic()
            if stop.asked is not None or sitting.limit.over or now - saved > pause:
                save()
                saved = time.monotonic()
                pause = (saved - now) / SHARE
                stop.check()
                sitting.limit.check()
        if before.trainer is None and not noted:
            write_training(folder, first, here)
        return save()
