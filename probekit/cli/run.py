"""`probekit run` puts structures to probes: it trains, scores, stores and reports."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cli.progress import Progress
from probekit.errors import Interrupted, ProbekitError, UsageError
from probekit.registry import registry

if TYPE_CHECKING:
    from probekit.front import Outcome
    from probekit.plan import Plan


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
    seeds: Annotated[int | None, typer.Option(metavar="K", min=1, help="Run seeds 0 to K - 1.")] = None,
    scale: Annotated[str, typer.Option(help="One of the probe's scales.")] = "quick",
    width: Annotated[int | None, typer.Option(min=1, help="Channels, instead of the scale's.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Parameters to come near to, instead.")] = None,
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
    """Put each structure to each probe, seed by seed, and report where each score lies between floor and perfect.

    A result that is stored is shown at once. Ctrl-C, or a crash, loses nothing: the same command goes on. One failed run
    does not stop the rest; the exit code is then 1.

    Example: probekit run nonlocality --structure unet+lambda
    """
    from probekit.plan import make_plan, make_spec

    if seed is not None and seeds is not None:
        raise UsageError(
            "--seed and --seeds", "they exclude each other", "Type --seed N for one, --seeds K for K of them."
        )
    check_device(device)
    known = registry()
    plans: list[Plan] = []
    asked = {"scale": scale, "width": width, "budget": budget, "trainer": trainer}
    for probe in probes:
        for structure in structures:
            for one in range(seeds) if seeds else [seed or 0]:
                spec = make_spec(probe=probe, structure=structure, seed=one, **asked)
                plans.append(make_plan(spec, known))
    plans = list({plan.identity: plan for plan in plans}.values())
    if dry_run:
        report([described(plan, "planned") for plan in plans], as_json)
        return
    rows, outcomes, stopped = carry_out_all(plans, device, store, force)
    report(rows, as_json, outcomes)
    if stopped is not None:
        raise stopped
    if any(row["status"] == "failed" for row in rows):
        raise typer.Exit(1)


def check_device(device: str | None) -> None:
    """Raise UsageError where torch has no such device here."""
    if device is None:
        return
    import torch

    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not have.get(device.partition(":")[0], False):
        there = ", ".join(name for name, is_there in have.items() if is_there)
        raise UsageError(
            f"--device {device}", f"this machine has {there}", "Type one of these, or leave --device out."
        )


def carry_out_all(
    plans: list[Plan], device: str | None, store: Path | None, force: bool
) -> tuple[list[dict[str, Any]], list[Outcome], Interrupted | None]:
    """Perform the plans one by one; return a row each, what came of them, and the interruption if there was one."""
    from probekit.cli.messages import say
    from probekit.front import carry_out
    from probekit.store import Store

    rows: list[dict[str, Any]] = []
    outcomes: list[Outcome] = []
    stopped: Interrupted | None = None
    kept = Store(store)
    with Progress(len(plans)) as progress:
        for plan in plans:
            if stopped is not None:
                rows.append(described(plan, "planned"))
                continue
            progress.begin(plan)
            try:
                outcome = carry_out(
                    plan, registry(), device=device, store=kept, force=force, watch=progress.watch
                )
            except Interrupted as error:
                stopped = error
                rows.append(described(plan, "interrupted"))
                continue
            except ProbekitError as error:
                say(f"{plan.spec.structure} on {plan.spec.probe}, seed {plan.seed}: {error}")
                rows.append(described(plan, "failed"))
                continue
            outcomes.append(outcome)
            result, folder = outcome.result, str(outcome.folder.path)
            status = "stored" if outcome.stored else result.status
            rows.append(described(plan, status, result.metrics, result.seconds, folder))
            if result.status == "failed":
                say(f"{plan.spec.structure} on {plan.spec.probe}, seed {plan.seed} failed: {result.error}")
    return rows, outcomes, stopped


def described(
    plan: Plan,
    status: str,
    metrics: dict[str, float | None] | None = None,
    seconds: float | None = None,
    folder: str | None = None,
) -> dict[str, Any]:
    """Return the row of one run, as --json prints it."""
    return {
        "probe": plan.spec.probe,
        "structure": plan.spec.structure,
        "scale": plan.scale,
        "seed": plan.seed,
        "status": status,
        "metrics": metrics or {},
        "parameters": plan.parameters,
        "width": plan.width,
        "budget_gap": plan.budget_gap,
        "seconds": seconds,
        "folder": folder,
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
