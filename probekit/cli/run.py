"""`probekit run` puts structures to probes: it trains, scores, stores and reports."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli.messages import note, say
from probekit.cli.progress import Progress
from probekit.errors import Interrupted, ProbekitError, UsageError
from probekit.registry import registry

if TYPE_CHECKING:
    from probekit.front import Outcome
    from probekit.plan import Plan
    from probekit.result import Result
    from probekit.store import Folder, Store


def run(
    probes: Annotated[
        list[str], typer.Argument(metavar="PROBE...", help="As nonlocality or nonlocality(size=64).")
    ],
    structures: Annotated[
        list[str],
        typer.Option("--structure", "-s", metavar="S", help="As unet+lambda+pe; may be given several times."),
    ],
    seed: Annotated[
        int | None, typer.Option(help="Of weights, order and training set.  [default: 0]")
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="K", help="Run seeds 0 to K - 1.")] = None,
    scale: Annotated[str, typer.Option(help="One of the probe's scales.")] = "quick",
    width: Annotated[int | None, typer.Option(help="Channels, instead of the scale's.")] = None,
    budget: Annotated[int | None, typer.Option(help="Parameters to come near to, instead.")] = None,
    trainer: Annotated[str, typer.Option(help="As supervised(lr=0.003, epochs=20).")] = "supervised",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda or mps.  [default: the fastest there is]")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="[default: $PROBEKIT_HOME or ./probekit-runs]")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count parameters and width; train nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Run anew beside what is stored.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of results.")] = False,
) -> None:
    """Put each structure to each probe, seed by seed; report where scores lie between floor and perfect.

    A result that is stored is shown at once. Ctrl-C, or a crash, loses nothing: the same command goes on.
    One failed run does not stop the rest; the exit code is then 1.

    Example: probekit run nonlocality --structure unet+lambda
    """
    from probekit.machine import chosen_device
    from probekit.store import Store

    if seed is not None and seeds is not None:
        raise UsageError(
            "--seed and --seeds", "they exclude each other", "Type --seed N for one, --seeds K for K of them."
        )
    if seeds is not None and seeds < 1:
        raise UsageError(f"--seeds {seeds}", "there is nothing to run", "Type --seeds 1 or more.")
    chosen_device(device)
    asked = {"scale": scale, "width": width, "budget": budget, "trainer": trainer}
    plans = planned(probes, structures, range(seeds) if seeds else [seed or 0], asked)
    if dry_run:
        report([described(plan, "planned") for plan in plans], as_json)
        return
    rows, outcomes, stopped = carry_out_all(plans, device, Store(store), force)
    report(rows, as_json, outcomes)
    if stopped:
        hint = f"Type the same command{' without --force' if force else ''} to go on."
        raise Interrupted("Ctrl-C", "stopped; what was done is kept", hint)
    if any(row["status"] == "failed" for row in rows):
        raise typer.Exit(1)


def planned(
    probes: list[str], structures: list[str], seeds: Iterable[int], asked: dict[str, Any]
) -> list[Plan]:
    """Plan the whole grid, each run once; raises UsageError where one of them cannot be."""
    from probekit.plan import make_plan, make_spec

    plans: dict[str, Plan] = {}
    for probe, structure, seed in product(probes, structures, seeds):
        try:
            plan = make_plan(make_spec(probe=probe, structure=structure, seed=seed, **asked), registry())
        except ProbekitError as error:
            raise UsageError(error.asked, error.found, error.hint) from error
        plans.setdefault(plan.identity, plan)
    return list(plans.values())


def carry_out_all(
    plans: list[Plan], device: str | None, store: Store, force: bool
) -> tuple[list[dict[str, Any]], list[Outcome], bool]:
    """Perform the plans one by one; return a row each, what came of them, and whether Ctrl-C ended it."""
    from probekit.front import carry_out

    rows: list[dict[str, Any]] = []
    outcomes: list[Outcome] = []
    stopped = False
    with Progress(len(plans)) as progress:
        for plan in plans:
            if stopped:
                rows.append(described(plan, "planned"))
                continue
            progress.begin(plan)
            name = f"{plan.spec.structure} on {plan.spec.probe}, seed {plan.seed}"
            try:
                outcome = carry_out(
                    plan, registry(), device=device, store=store, force=force, watch=progress.watch
                )
            except KeyboardInterrupt:
                stopped = True
                rows.append(described(plan, "interrupted", store.newest(plan)))
                continue
            except ProbekitError as error:
                say(f"{name}: {error}")
                rows.append(described(plan, "failed", store.newest(plan)))
                continue
            outcomes.append(outcome)
            result = outcome.result
            status = "stored" if outcome.stored else result.status
            rows.append(described(plan, status, outcome.folder, result))
            if result.status == "failed":
                say(f"{name} failed: {result.error} See {outcome.folder.path}.")
            if outcome.stored and (changed := elsewhere(result, device)):
                note(f"{name} was stored in another environment: {changed}.")
    return rows, outcomes, stopped


def elsewhere(result: Result, device: str | None) -> str:
    """Say in what the environment of a result differs from this one."""
    from probekit.machine import changes, chosen_device, environment

    return "; ".join(changes(result.environment.model_dump(), environment(chosen_device(device))))


def described(
    plan: Plan, status: str, folder: Folder | None = None, result: Result | None = None
) -> dict[str, Any]:
    """Return the row of one run, as --json prints it."""
    return {
        "probe": plan.spec.probe,
        "structure": plan.spec.structure,
        "scale": plan.scale,
        "seed": plan.seed,
        "status": status,
        "metrics": result.metrics if result else {},
        "parameters": plan.parameters,
        "width": plan.width,
        "budget_gap": plan.budget_gap,
        "seconds": result.seconds if result else None,
        "folder": str(folder.path) if folder else None,
    }


def report(rows: list[dict[str, Any]], as_json: bool, outcomes: list[Outcome] | None = None) -> None:
    """Print the rows as JSON, or as tables."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from probekit.cli.report import print_comparison, print_outcome, print_rows

    groups: dict[tuple[str, str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes or []:
        if outcome.result.status == "done":
            groups[outcome.result.plan.comparable].append(outcome)
    for group in groups.values():
        if len(group) == 1:
            print_outcome(group[0])
        else:
            print_comparison([outcome.result for outcome in group])
    if not outcomes or len(rows) > 1:
        print_rows(rows)
