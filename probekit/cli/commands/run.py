"""`probekit run` trains structures on probes, and stores and reports their scores."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.catalog.grammar import parse_expression
from probekit.catalog.registry import registry
from probekit.cli.estimate import describe_estimate
from probekit.cli.merging import count_rows
from probekit.cli.options import (
    DeviceOption,
    ExecutorOption,
    JobsOption,
    MinutesOption,
    SeedOption,
    SeedsOption,
    StoreOption,
    ThreadsOption,
    UntilDecidedOption,
)
from probekit.cli.rows import event_row, event_rows, print_runs, run_row
from probekit.cli.schedule import make_schedule
from probekit.cli.table import print_json
from probekit.evidence.deciding.looks import LOOKS
from probekit.plans.job import Job
from probekit.plans.study import Study, read_study
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.schedule.grid import Grid, plan_grid
from probekit.schedule.tuning import list_trials
from probekit.terminal.follow import follow_schedule, follow_tuning, make_interrupted
from probekit.terminal.messages import print_error, print_output
from probekit.terminal.until_decided import follow_until_decided

if TYPE_CHECKING:
    from probekit.catalog.registry import Registry
    from probekit.runs.run import Outcome
    from probekit.storage.store import Store


def run_probes(
    probes: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROBE...", help="Probes, for example nonlocality or nonlocality(size=64)."),
    ] = None,
    structures: Annotated[
        list[str] | None,
        typer.Option(
            "--structure", "-s", metavar="S", help="Structure, for example unet+lambda+pe; repeatable."
        ),
    ] = None,
    seed: SeedOption = None,
    seeds: SeedsOption = None,
    scale: Annotated[
        str | None,
        typer.Option(help="Scale: smoke, quick, laptop or paper, as defined by the probe.  [default: quick]"),
    ] = None,
    width: Annotated[int | None, typer.Option(help="Number of channels.  [default: the scale's]")] = None,
    budget: Annotated[
        int | None,
        typer.Option(help="Number of parameters; chooses the width that is nearest.  [default: the scale's]"),
    ] = None,
    trainer: Annotated[
        str | None, typer.Option(help="Trainer, for example supervised(epochs=20).  [default: supervised]")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="M", help="Metric of a plugin, scored too; repeatable."),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file that replaces the options above and PROBE."),
    ] = None,
    device: DeviceOption = None,
    store: StoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print number of parameters, width and time; train nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Run even if a result is stored; the stored one is kept.")
    ] = False,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Choose the best of three learning rates on validation data."),
    ] = False,
    until_decided: UntilDecidedOption = False,
    minutes: MinutesOption = None,
    recipes: Annotated[
        bool, typer.Option("--recipes", help="As --tune, but only where the first recipe does not fit.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0, help="Time limit per run.  [default: none]"),
    ] = None,
    executor: ExecutorOption = None,
    jobs: JobsOption = None,
    threads: ThreadsOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return at once; a background process or a queue runs the jobs.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all metrics, the recipe and the baselines.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of results.")] = False,
) -> None:
    """Train each structure on each probe with each seed, and report normalised scores.

    Scores are normalised: 0% is the best baseline that lacks the property, 100% is a perfect answer. A
    stored result is shown without training again. After Ctrl-C or a crash, repeat the command to continue. If
    a run fails, the others still run, and the exit code is 1.

    With --until-decided, structures are judged at 3, 4, 5, 6, 8 and 10 seeds, with the level of 5 % shared by
    these looks. --seeds K starts with K seeds.

    Example: probekit run nonlocality --structure unet+lambda

    Example: probekit run recall parity -s gru -s mamba --until-decided --minutes 30
    """
    from probekit.runs.machine import choose_device
    from probekit.storage.store import Store

    if seed is not None and seeds is not None:
        hint = "Type --seed N for one seed, or --seeds K for K seeds."
        raise UsageError("--seed and --seeds", "they exclude each other", hint)
    choose_device(device)
    if study is not None:
        typed = (probes, structures, seed, seeds, scale, width, budget, trainer, metrics)
        if any(option is not None for option in typed):
            hint = "Write the other options into the file, or leave out --study."
            raise UsageError("--study with other options", "they exclude each other", hint)
        request = read_study(study)
        executor, timeout = executor or request.executor, timeout or request.timeout
    else:
        request = Study.model_construct(  # unchecked: an error names what was typed
            probes=require_names(probes, "PROBE", "nonlocality"),
            structures=require_names(structures, "--structure", "--structure unet+lambda"),
            scales=(scale or "quick",),
            trainers=(trainer or "supervised",),
            metrics=tuple(metrics or ()),
            seeds=seeds or (LOOKS[0] if until_decided and seed is None else (seed or 0,)),
        )
    if detach and (tune or recipes or until_decided):
        reason = "this process chooses what to run"
        option = "--tune" if tune else "--recipes" if recipes else "--until-decided"
        raise UsageError(f"--detach and {option}", reason, "Type only one of them.")
    if force and until_decided:
        reason = "stored seeds count when a verdict is decided"
        raise UsageError("--force and --until-decided", reason, "Type only one of them.")
    if minutes is not None and not until_decided:
        raise UsageError("--minutes", "there is no --until-decided", "Type both, or --timeout for each run.")
    run_store = Store(store)
    if study is not None and request.rows is not None and not dry_run:
        count_rows(run_store, study.parent / request.rows)
    schedule = make_schedule(
        run_store,
        device=device,
        force=force,
        timeout=timeout,
        executor=executor,
        jobs=jobs,
        threads=threads,
        detach=detach,
        observers=request.observers,
    )
    grid = plan_study(request, width, budget)
    if dry_run:
        print_report([run_row(job, "planned") for job in grid.jobs], as_json, run_store)
        if len(grid.jobs) > 1 and not as_json:
            print_output(describe_estimate(grid.jobs, run_store))
        if (tune or recipes) and not as_json:
            trials = describe_estimate(list_trials(grid.jobs, registry()), run_store)
            print_output(f"{'Tuned' if tune else 'With three recipes'}, at most: {trials}")
        if until_decided and not as_json:
            most = [
                job.with_seed(seed) for job in grid.jobs if not job.plan.seed for seed in range(LOOKS[-1])
            ]
            print_output(f"Until decided, at most: {describe_estimate(most, run_store)}")
        raise typer.Exit(1 if grid.errors else 0)
    planned_jobs = grid.jobs
    if tune or recipes:
        planned_jobs = follow_tuning(schedule, grid.jobs, registry(), unfitted_only=not tune)
    if until_decided:
        done = follow_until_decided(schedule, planned_jobs, registry(), minutes)
    else:
        done = follow_schedule(schedule, planned_jobs, registry())
    rows = event_rows(done.events, run_store, registry()) if as_json else list(map(event_row, done.events))
    print_report(rows, as_json, run_store, done.outcomes, everything)
    if done.interruption:
        raise make_interrupted(done.interruption, " without --force" if force else "")
    if grid.errors or done.count("failed", "interrupted"):
        raise typer.Exit(1)


def require_names(names: list[str] | None, option: str, example: str) -> tuple[str, ...]:
    """Return the names that were typed; raise UsageError if there are none, or one cannot be parsed."""
    if not names:
        raise UsageError(
            f"run without {option}", "there is nothing to run", f"Type {example}, or --study FILE."
        )
    for name in names:
        parse_expression(name)
    return tuple(names)


def plan_study(study: Study, width: int | None, budget: int | None) -> Grid:
    """Plan a whole study, and print what cannot be planned."""
    jobs, errors = list[Job](), list[ProbekitError]()
    for scale, trainer in product(study.scales, study.trainers):
        fields = {"scale": scale, "width": width, "budget": budget, "trainer": trainer}
        options: dict[str, Any] = {**fields, "metrics": study.metrics}
        part = plan_grid(study.probes, study.structures, study.seed_list, options, registry())
        jobs, errors = jobs + part.jobs, errors + part.errors
        for message in dict.fromkeys(map(str, part.errors)):
            print_error(message)
    return Grid(jobs, errors)


def print_report(
    rows: list[dict[str, Any]],
    as_json: bool,
    store: Store,
    outcomes: list[Outcome] | None = None,
    everything: bool = False,
    registry: Registry | None = None,
) -> None:
    """Print what became of the runs of a command, as JSON or as sentences and tables.

    Args:
        rows: one row per run.
        as_json: print the rows as JSON.
        store: the store that holds the runs.
        outcomes: the finished runs.
        everything: show all metrics, the recipe and the baselines.
        known: the installed components; None loads them.
    """
    if as_json:
        print_json(rows)
        return
    from probekit.cli.report import print_outcomes
    from probekit.storage.equivalence import group_equivalent, has_same_probe

    done = [outcome for outcome in outcomes or [] if outcome.result.status == "done"]
    for group in group_equivalent(done, lambda first, second: has_same_probe(first.result, second.result)):
        print_outcomes(group, store, everything, registry)
    if not outcomes or len(rows) > 1:
        print_runs(rows)
