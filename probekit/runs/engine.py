"""The engine performs a job: it seeds, trains, checkpoints, scores and stores."""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING

from probekit.catalog.denormals import flush_denormals
from probekit.catalog.identity.syntax import hash_syntax
from probekit.catalog.isolation import Isolation
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.plans.job import Job
from probekit.plugin.errors import ProbekitError, StoreError, describe_error
from probekit.plugin.stop import TimeLimit, find_interrupt
from probekit.runs.answers import store_answers
from probekit.runs.checks.axes import check_axes, explain_shape_error
from probekit.runs.checks.network import check_causality, check_network
from probekit.runs.first_steps import read_start, write_start
from probekit.runs.machine import read_environment
from probekit.runs.memory import check_training_memory
from probekit.runs.network import build_network, hash_weights, split_state
from probekit.runs.observers.notify import RunNotifier
from probekit.runs.replay import Replay
from probekit.runs.session import ProgressListener, Session
from probekit.runs.splits import load_splits
from probekit.runs.training import train_model
from probekit.scores.diagnostics import diagnose_network
from probekit.scores.score import (
    best_control_scores,
    mean_scores,
    missing_score_reasons,
    score_intervals,
    score_items,
)
from probekit.storage.attempt import begin_attempt
from probekit.storage.behaviour import Behaviour
from probekit.storage.folder import BEHAVIOUR, CHECKPOINT, LOG, SCORES, WEIGHTS, Folder
from probekit.storage.loss_curve import find_spike, read_losses
from probekit.storage.result import Result

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TRACE = "traceback.txt"


def execute_job(
    job: Job,
    folder: Folder,
    registry: Registry,
    device: torch.device,
    watch: ProgressListener | None = None,
    timeout: float | None = None,
) -> Result:
    """Run a job in a folder, from its checkpoint if there is one, and store the result.

    A run that fails is stored as failed, with its traceback; so is a run whose process died twice at the same
    stage. Ctrl-C is like a kill: the same plan goes on from the last checkpoint.

    Args:
        job: The job.
        folder: The folder, whose lock this process holds.
        registry: The installed components.
        device: The device.
        watch: Called with each progress event: the stage ("prepare", "train", "score") and a row.
        timeout: Seconds that this session may take.

    Raises:
        StoreError: The disk refuses.
        Stopped: A signal came; a checkpoint is saved.
    """
    plan, isolation, limit = job.plan, Isolation(dict(job.put_back)), TimeLimit(timeout)
    notifier = RunNotifier(registry, plan, folder)
    notifier.notify_start()
    try:
        code = "".join(hash_syntax(part.target) for part in job.parts)
        with begin_attempt(folder, code) as attempt, limit.enforce():
            session = Session(attempt, isolation, limit, watch or (lambda stage, row: None))
            result = _execute(job, folder, registry, device, session, notifier)
    except (StoreError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a network that calls sys.exit fails only its own run
        if (stopped := find_interrupt(error)) is not None:
            raise stopped from None
        trace = traceback.format_exc().encode(errors="backslashreplace")
        message = str(error) if isinstance(error, ProbekitError) else f"{describe_error(error)}."
        files = {TRACE: folder.write(TRACE, trace)}
        if (folder.path / LOG).exists():
            files[LOG] = folder.sync_log()
        result = Result(
            plan=plan,
            status="failed",
            environment=read_environment(device),
            error=f"{message} {job.suggest_checks()}".strip(),
            files=files,
            behaviour=read_start(folder).behaviour,
        )
    result = result.model_copy(update={"put_back": isolation.put_back, "stored": time.time()})
    folder.write_result(result)
    if result.status == "done":
        folder.remove(CHECKPOINT)
        folder.remove(BEHAVIOUR)  # the result holds it
    notifier.notify_end(result)
    return result


def _execute(
    job: Job,
    folder: Folder,
    registry: Registry,
    device: torch.device,
    session: Session,
    notifier: RunNotifier,
) -> Result:
    plan, probe, report = job.plan, job.scored_probe, session.report
    with session.stage("drawing data"):
        data = load_splits(job)
        data.draw_items(report)
    train, validation, test, extra = data.train, data.validation, data.test, data.extrapolation
    with session.stage("building"):
        model = build_network(job.expression, probe.shape, plan, device)
    with session.stage("first steps"):
        foreign_kinds = {used.kind for used in plan.components if used.distribution != DISTRIBUTION}
        if foreign_kinds & {"layer", "combinator"}:
            check_axes(job.expression, probe.shape)
        with explain_shape_error(model, probe.shape, registry, device):
            check_network(model, probe.shape, device)
        check_causality(job.expression, model, probe.shape, device)
        check_training_memory(job, model, device)
        replay = Replay(job, device)
        if not (folder.path / CHECKPOINT).exists():
            begun = Behaviour(probe=replay.probe, structure=replay.structure)
            write_start(folder, begun, replay.environment)
    with session.stage("training"), flush_denormals():
        reached = train_model(job, folder, notifier, model, train, device, session)
    model.eval()
    state = model.state_dict()
    weights = hash_weights(state)
    files = {LOG: folder.sync_log(), WEIGHTS: folder.write_tensors(WEIGHTS, *split_state(state))}
    with session.stage("loading it again"), flush_denormals():
        restored = store_answers(job, model, test, folder, files, device)
        start = read_start(folder)
        unrepeatable = replay.compare_numbers(start, "training")
        recipe = replay.recipe if start.behaviour.reports_steps else {}
        behaviour = start.behaviour.model_copy(update={"recipe": recipe})
    scored: dict[str, dict[str, Tensor]] = {}
    with session.stage("scoring"), flush_denormals():
        counts = {"test": len(test), "train": min(len(test), len(train)), "validation": len(validation)}
        for name, split in (("test", test), ("train", train), ("validation", validation)):
            report("score", {"step": len(scored), "steps": 4})
            scored[name] = score_items(model, probe, split, counts[name], device)
        beyond = {} if extra is None else score_items(model, probe, extra, len(extra), device)
    items = scored["test"]
    files[SCORES] = folder.write_tensors(SCORES, items)
    report("score", {"step": 3, "steps": 4})
    metrics, training, within = (
        mean_scores(items),
        mean_scores(scored["train"]),
        score_intervals(items, probe.metrics),
    )
    for metric in probe.metrics:
        on_test, on_train = metrics[metric.name], training[metric.name]
        if metric.gap:
            metrics[metric.gap] = None if on_test is None or on_train is None else on_test - on_train
    with session.stage("looking at it"):
        headline = items[probe.metrics[0].name]
        diagnostics = diagnose_network(job, model, train, test, extra, headline, folder, device)
    report("score", {"step": 4, "steps": 4})
    return Result(
        plan=plan,
        status="done",
        metrics=metrics,
        train=training,
        validation=mean_scores(scored["validation"]),
        harder=mean_scores(beyond),
        unscored={
            f"{'' if split == 'test' else f'{split}/'}{name}": why
            for split, values in scored.items()
            for name, why in missing_score_reasons(values).items()
        },
        measured=diagnostics.measured,
        measured_items=diagnostics.measured_items,
        constant=diagnostics.constant,
        degenerate=diagnostics.degenerate,
        controls=data.controls,
        floors=best_control_scores(probe, data.controls),
        ceiling=data.ceiling,
        intervals={name: (interval.low, interval.high) for name, interval in within.items()},
        counts={name: interval.count for name, interval in within.items()},
        spike=find_spike(read_losses(folder)),
        steps=reached.steps,
        seconds=reached.seconds,
        flops=diagnostics.flops,
        along=diagnostics.along,
        missing=diagnostics.missing,
        weights=weights,
        environment=read_environment(device),
        behaviour=behaviour,
        restored=restored,
        unrepeatable=unrepeatable,
        files={**files, **diagnostics.files},
    )
