"""Following a schedule shows on stderr how far its runs are, and what goes wrong."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from probekit.cards.judge import judge_run
from probekit.catalog.registry import Registry
from probekit.evidence.verdict import FITS
from probekit.plugin.errors import Interrupted
from probekit.schedule.cores import use_threads
from probekit.schedule.event import Event, Report, collect_report
from probekit.schedule.parallel import make_executor
from probekit.schedule.schedule import Schedule
from probekit.schedule.tuning import tune_rates
from probekit.storage.result import normalize_score
from probekit.terminal.live import JobsDisplay
from probekit.terminal.messages import print_error, print_info, relative_path
from probekit.terminal.progress import Progress

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.storage.result import Result


def follow_schedule(schedule: Schedule, jobs: Sequence[Job], plugins: Registry) -> Report:
    """Carry out jobs, show how far they are, and return what became of them.

    Ctrl-C and signals end it early and are noted in the report.
    """
    plugins.judge = partial(judge_run, plugins)
    with contextlib.ExitStack() as displays:
        progress = Progress(len(jobs))
        events = schedule.run_all(jobs, plugins, progress.update)
        report = collect_report(jobs, show_events(events, schedule, progress, len(jobs), displays))
    if report.interruption and has_queue(schedule, plugins):
        print_info("What is in the queue stays there. `probekit status` shows how far it is.")
    show_degenerate_layers(report)
    show_networks_only(jobs)
    handed_over = Counter(
        event.message for event in report.events if event.status == "planned" and event.message
    )
    for executor, count in handed_over.items():
        print_info(f"{count} runs are left to {executor}. `probekit status` shows how far they are.")
    return report


def show_degenerate_layers(report: Report) -> None:
    """Print once per probe, and not per seed, which layers approximate nothing at the size they ran at."""
    lines: dict[str, None] = {}
    for outcome in report.outcomes:
        spec = outcome.result.plan.spec
        for sentence in outcome.result.degenerate:
            lines[f"{spec.probe}, scale {spec.scale}: {sentence}"] = None
    for line in lines:
        print_info(line)


def show_networks_only(jobs: Sequence[Job]) -> None:
    """Print once per probe that a layer was run where a probe compares only networks."""
    reasons = {
        job.plan.spec.probe: job.probe.networks_only for job in jobs if job.expression.layer is not None
    }
    for probe, reason in reasons.items():
        if reason:
            print_info(f"{probe}: the score says nothing of the layer: {reason}.")


def has_queue(schedule: Schedule, plugins: Registry) -> bool:
    """Return whether a schedule's executor has a queue that outlives this process."""
    return schedule.executor is not None and hasattr(make_executor(schedule.executor, plugins), "submit")


def follow_tuning(
    schedule: Schedule, jobs: Sequence[Job], plugins: Registry, *, unfitted_only: bool = False
) -> list[Job]:
    """Return the jobs with the learning rate that is best on validation, and print each choice.

    Args:
        schedule: How candidates are carried out.
        jobs: The jobs.
        plugins: The installed components.
        unfitted_only: Try other rates only where the typed one does not fit the training items.

    Raises:
        Interrupted: at Ctrl-C or a signal.
    """
    trial = replace(schedule, force=False, detach=False)
    try:
        tuned, choices = tune_rates(
            jobs,
            plugins,
            schedule.store,
            lambda trials: follow_schedule(trial, trials, plugins),
            fits_training if unfitted_only else None,
        )
    except KeyboardInterrupt as interruption:
        raise make_interrupted(interruption) from None
    for choice in choices:
        print_info(f"{choice.describe_choice()}.")
    return tuned


def fits_training(job: Job, result: Result) -> bool:
    """Tell whether a run's training score is high enough for its test score to say something."""
    metric = job.probe.metrics[0]
    score = normalize_score(result.train.get(metric.name), result.floors.get(metric.name), metric.perfect)
    return score is not None and score >= FITS


def show_events(
    events: Iterable[Event], schedule: Schedule, progress: Progress, runs: int, displays: contextlib.ExitStack
) -> Iterator[Event]:
    """Show each event and yield it: a bar for a run in this process, a table for those of workers."""
    table = JobsDisplay(runs)
    active: Progress | JobsDisplay | None = None
    for event in events:
        if event.status == "started" and active is None:
            active = progress if event.folder is None else table
            displays.enter_context(active)
        if event.status == "stored":
            progress.skip()
            table.skip()
        elif event.status == "started" and event.folder is None:
            progress.start_job(event.job)
        elif event.status == "started" and event.folder is not None:
            table.add(event.folder.path, event.job)
        elif event.folder is not None and active is table:
            table.finish(event.folder.path)
        show_message(event, schedule)
        yield event


def show_message(event: Event, schedule: Schedule) -> None:
    """Print what a user should know of an event."""
    name, result = event.job.name, event.result
    if event.status == "waiting":
        print_info(f"{name}: another process trains it. This command waits for it after the other runs.")
    elif event.status == "failed" and result is not None and event.folder is not None:
        print_error(f"{name} failed: {result.error} See {relative_path(event.folder.path)}.")
    elif event.status == "failed":
        print_error(f"{name} failed: {event.message}")
    elif event.status == "interrupted" and event.message:
        print_error(f"{name}: {event.message} The same command goes on from its checkpoint.")
    elif event.status == "stored" and result is not None and (changes := list_changes(result, schedule)):
        print_info(f"{name} was stored in another environment: {changes}.")


def list_changes(result: Result, schedule: Schedule) -> str:
    """Return in words how the environment of a stored result differs from this one."""
    from probekit.plugin.errors import UsageError
    from probekit.runs.machine import choose_device, read_environment

    try:
        device = choose_device(schedule.device)
    except UsageError:  # a worker may have it
        return ""
    with use_threads(schedule.run_threads):
        return "; ".join(read_environment(device).describe_changes(result.environment.model_dump()))


def make_interrupted(interruption: KeyboardInterrupt, variant: str = "") -> Interrupted:
    """Return the error that a command ends with at Ctrl-C or a signal.

    Args:
        interruption: what stopped it.
        variant: how the command that goes on differs, such as " without --force".
    """
    hint = f"Type the same command{variant} to go on."
    ending = Interrupted(str(interruption) or "Ctrl-C", "stopped; all finished work is kept", hint)
    ending.exit_code = getattr(interruption, "code", Interrupted.exit_code)
    return ending
