"""`probekit run` puts structures to probes: it trains, scores, stores and reports."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli.estimate import estimate
from probekit.cli.grid import carry_out_all, described, interrupted, planned, tuned
from probekit.cli.messages import tell
from probekit.cli.options import AtATime, Device, Executed, Kept
from probekit.cli.sent import detach_all, either, executor_of, send_all
from probekit.cli.table import print_json
from probekit.errors import UsageError
from probekit.plans.study import Study, read_study

if TYPE_CHECKING:
    from probekit.catalog.registry import Registry
    from probekit.plans.job import Job
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
    many: AtATime = None,
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
    executor = either(executor, many)
    chosen_device(device)
    if study is not None:
        typed = (probes, structures, seed, seeds, scale, width, budget, trainer)
        if any(one is not None for one in typed):
            hint = "Write them into the file, or leave --study out."
            raise UsageError("--study with what it says itself", "they exclude each other", hint)
        found_all = read_study(study)
        executor, timeout = executor or found_all.executor, timeout or found_all.timeout
    else:
        found_all = Study.model_construct(  # what cannot be meant is said with what was typed
            probes=needed(probes, "PROBE", "nonlocality"),
            structures=needed(structures, "--structure", "--structure unet+lambda"),
            scales=(scale or "quick",),
            trainers=(trainer or "supervised",),
            seeds=(seed or 0,) if seeds is None else seeds,
        )
    workers = None if executor is None else executor_of(executor)
    jobs, broken = gridded(found_all, width, budget)
    if dry_run:
        report([described(job, "planned") for job in jobs], as_json, Store(store))
        if len(jobs) > 1 and not as_json:
            tell(estimate(jobs, Store(store)))
        raise typer.Exit(1 if broken else 0)
    if detach:
        if tune:
            raise UsageError("--detach and --tune", "a rate is chosen here", "Type one of them.")
        rows = detach_all(jobs, executor or "local(jobs=1)", device, Store(store), force, timeout)
        report(rows, as_json, Store(store))
        raise typer.Exit(1 if broken else 0)
    if tune:
        jobs = tuned(jobs, device, Store(store), timeout)
    if workers is None:
        rows, outcomes, stopped = carry_out_all(jobs, device, Store(store), force, timeout)
    else:
        rows, outcomes, stopped = send_all(jobs, workers, device, Store(store), force, timeout)
    report(rows, as_json, Store(store), outcomes, everything)
    if stopped:
        raise interrupted(stopped, " without --force" if force else "")
    if broken or any(row["status"] in ("failed", "interrupted") for row in rows):
        raise typer.Exit(1)


def needed(names: list[str] | None, what: str, example: str) -> tuple[str, ...]:
    """Return what was typed; raises UsageError where nothing was."""
    if not names:
        raise UsageError(
            f"run without {what}", "there is nothing to run", f"Type {example}, or --study FILE."
        )
    return tuple(names)


def gridded(study: Study, width: int | None, budget: int | None) -> tuple[list[Job], int]:
    """Plan a whole study; return what `planned` does."""
    jobs: list[Job] = []
    broken = 0
    for scale, trainer in product(study.scales, study.trainers):
        asked = {"scale": scale, "width": width, "budget": budget, "trainer": trainer}
        some, lost = planned(list(study.probes), list(study.structures), study.chosen, asked)
        jobs, broken = jobs + some, broken + lost
    return jobs, broken


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
