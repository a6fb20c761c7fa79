"""`probekit run` puts structures to probes: it trains, scores, stores and reports."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.catalog.registry import registry
from probekit.cli.estimate import estimate
from probekit.cli.follow import follow_schedule, follow_tuning, make_interrupted
from probekit.cli.messages import say, tell
from probekit.cli.options import Device, Executed, Jobs, Kept, Threads
from probekit.cli.rows import event_row, run_row
from probekit.cli.schedule import make_schedule
from probekit.cli.table import print_json
from probekit.errors import ProbekitError, UsageError
from probekit.plans.job import Job
from probekit.plans.study import Study, read_study
from probekit.schedule.grid import Grid, plan_grid

if TYPE_CHECKING:
    from probekit.catalog.registry import Registry
    from probekit.runs.run import Outcome
    from probekit.storage.store import Store


def run(
    probes: Annotated[
        list[str] | None, typer.Argument(metavar="PROBE...", help="As nonlocality or nonlocality(size=64).")
    ] = None,
    structures: Annotated[
        list[str] | None,
        typer.Option("--structure", "-s", metavar="S", help="As unet+lambda+pe; may be given several times."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of weights, order and training set.  [default: 0]")
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="K", help="Run seeds 0 to K - 1.")] = None,
    scale: Annotated[str | None, typer.Option(help="One of the probe's scales.  [default: quick]")] = None,
    width: Annotated[int | None, typer.Option(help="Channels, instead of the scale's.")] = None,
    budget: Annotated[int | None, typer.Option(help="Parameters to come near to, instead.")] = None,
    trainer: Annotated[
        str | None, typer.Option(help="As supervised(epochs=20).  [default: supervised]")
    ] = None,
    study: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file that says all of the above.")
    ] = None,
    device: Device = None,
    store: Kept = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count parameters and width; train nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Run anew beside what is stored.")] = False,
    tune: Annotated[
        bool, typer.Option("--tune", help="Choose the learning rate of three on the validation split.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Fail a run that takes longer.  [default: none]"),
    ] = None,
    executor: Executed = None,
    jobs: Jobs = None,
    threads: Threads = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave the runs to a process, or a queue, that outlives this.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Show all metrics, recipe and controls.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of results.")] = False,
) -> None:
    """Put each structure to each probe, seed by seed; report where scores lie between floor and perfect.

    A result that is stored is shown at once. Ctrl-C, or a crash, loses nothing: the same command goes on.
    One failed run does not stop the rest; the exit code is then 1.

    Example: probekit run nonlocality --structure unet+lambda
    """
    from probekit.runs.machine import chosen_device
    from probekit.storage.store import Store

    if seed is not None and seeds is not None:
        raise UsageError(
            "--seed and --seeds", "they exclude each other", "Type --seed N for one, --seeds K for K of them."
        )
    if seeds is not None and seeds < 1:
        raise UsageError(f"--seeds {seeds}", "there is nothing to run", "Type --seeds 1 or more.")
    chosen_device(device)
    if study is not None:
        typed = (probes, structures, seed, seeds, scale, width, budget, trainer)
        if any(option is not None for option in typed):
            hint = "Write them into the file, or leave --study out."
            raise UsageError("--study with what it says itself", "they exclude each other", hint)
        plan = read_study(study)
        executor, timeout = executor or plan.executor, timeout or plan.timeout
    else:
        plan = Study.model_construct(  # unchecked: an error is to say what was typed
            probes=needed(probes, "PROBE", "nonlocality"),
            structures=needed(structures, "--structure", "--structure unet+lambda"),
            scales=(scale or "quick",),
            trainers=(trainer or "supervised",),
            seeds=(seed or 0,) if seeds is None else seeds,
        )
    if detach and tune:
        raise UsageError("--detach and --tune", "this command chooses the rate", "Type one of them.")
    folder = Store(store)
    schedule = make_schedule(
        folder,
        device=device,
        force=force,
        timeout=timeout,
        executor=executor,
        jobs=jobs,
        threads=threads,
        detach=detach,
    )
    grid = plan_study(plan, width, budget)
    if dry_run:
        report([run_row(job, "planned") for job in grid.jobs], as_json, folder)
        if len(grid.jobs) > 1 and not as_json:
            tell(estimate(grid.jobs, folder))
        raise typer.Exit(1 if grid.errors else 0)
    planned = follow_tuning(schedule, grid.jobs) if tune else grid.jobs
    done = follow_schedule(schedule, planned, registry())
    report([event_row(event) for event in done.events], as_json, folder, done.outcomes, everything)
    if done.interruption:
        raise make_interrupted(done.interruption, " without --force" if force else "")
    if grid.errors or done.count("failed", "interrupted"):
        raise typer.Exit(1)


def needed(names: list[str] | None, what: str, example: str) -> tuple[str, ...]:
    """Return what was typed; raises UsageError where nothing was."""
    if not names:
        raise UsageError(
            f"run without {what}", "there is nothing to run", f"Type {example}, or --study FILE."
        )
    return tuple(names)


def plan_study(study: Study, width: int | None, budget: int | None) -> Grid:
    """Plan a whole study, and print what cannot be planned."""
    jobs, errors = list[Job](), list[ProbekitError]()
    for scale, trainer in product(study.scales, study.trainers):
        options = {"scale": scale, "width": width, "budget": budget, "trainer": trainer}
        part = plan_grid(study.probes, study.structures, study.chosen, options, registry())
        jobs, errors = jobs + part.jobs, errors + part.errors
        for message in dict.fromkeys(map(str, part.errors)):
            say(message)
    return Grid(jobs, errors)


def report(
    rows: list[dict[str, Any]],
    as_json: bool,
    store: Store,
    outcomes: list[Outcome] | None = None,
    everything: bool = False,
    known: Registry | None = None,
) -> None:
    """Print the rows as JSON, or what came of them in words and tables."""
    if as_json:
        print_json(rows)
        return
    from probekit.cli.report import print_outcomes, print_rows
    from probekit.storage.alike import asks_alike, group_alike

    done = [outcome for outcome in outcomes or [] if outcome.result.status == "done"]
    for group in group_alike(done, lambda one, other: asks_alike(one.result, other.result)):
        print_outcomes(group, store, everything, known)
    if not outcomes or len(rows) > 1:
        print_rows(rows)
