"""A grid is the runs of a command: planned at once, tuned if asked, carried out one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import TYPE_CHECKING, Any

from probekit.catalog.registry import registry
from probekit.cli.messages import note, say
from probekit.cli.progress import Progress
from probekit.errors import Interrupted, ProbekitError, UsageError

if TYPE_CHECKING:
    from probekit.plans.plan import Plan
    from probekit.runs.front import Outcome
    from probekit.storage.result import Result
    from probekit.storage.store import Folder, Store


def planned(
    probes: list[str], structures: list[str], seeds: Iterable[int], asked: dict[str, Any]
) -> tuple[list[Plan], int]:
    """Plan the whole grid, each run once; return the plans, and how many a broken plugin kept from being one.

    What breaks is said. Raises UsageError where one of them cannot be meant, or no plan is left.
    """
    from probekit.plans.plan import make_plan, make_spec

    plans: dict[str, Plan] = {}
    broken: list[ProbekitError] = []
    for probe, seed, structure in product(probes, seeds, structures):
        try:
            plan = make_plan(make_spec(probe=probe, structure=structure, seed=seed, **asked), registry())
        except UsageError:
            raise
        except ProbekitError as error:
            broken.append(error)
            continue
        plans.setdefault(plan.identity, plan)
    if broken and not plans:
        raise broken[0]
    for message in dict.fromkeys(map(str, broken)):
        say(message)
    return list(plans.values()), len(broken)


def carry_out_all(
    plans: list[Plan], device: str | None, store: Store, force: bool
) -> tuple[list[dict[str, Any]], list[Outcome], bool]:
    """Perform the plans one by one; return a row each, what came of them, and whether Ctrl-C ended it."""
    from probekit.runs.front import carry_out

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


def interrupted(aside: str = "") -> Interrupted:
    """Return what a command ends with at Ctrl-C; aside: how the command that goes on is another."""
    return Interrupted("Ctrl-C", "stopped; what was done is kept", f"Type the same command{aside} to go on.")


def elsewhere(result: Result, device: str | None) -> str:
    """Say in what the environment of a result differs from this one."""
    from probekit.runs.machine import chosen_device, environment

    here = environment(chosen_device(device))
    return "; ".join(here.changes(result.environment.model_dump()))


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


def tuned(plans: list[Plan], device: str | None, store: Store) -> list[Plan]:
    """Return the plans with the learning rate that is best on validation, chosen on each group's first seed.

    A group shares all but the seed. What was tried is kept in the store like any run; what was chosen is
    said, and kept as tune-*/choice.json. Raises Interrupted at Ctrl-C, RunError where no rate was scored.
    """
    from probekit.plans.plan import readable
    from probekit.runs.tune import candidates, choose, with_trainer

    groups: dict[tuple[Any, ...], list[Plan]] = defaultdict(list)
    for plan in plans:
        spec = plan.spec
        groups[spec.probe, spec.structure, spec.scale, spec.width, spec.budget, spec.trainer].append(plan)
    found = []
    for group in groups.values():
        tried = candidates(group[0], registry())
        _, outcomes, stopped = carry_out_all(tried, device, store, force=False)
        if stopped:
            raise interrupted()
        choice = choose(tried, [outcome.result for outcome in outcomes], registry())
        note(f"{choice.sentence()}.")
        name = readable(f"tune-{choice.structure}-{choice.probe}-{group[0].scale}")
        store.loose(f"{name}-{group[0].identity[:12]}").write(
            "choice.json", choice.model_dump_json(indent=1).encode()
        )
        found += [with_trainer(plan, choice.trainer, registry()) for plan in group]
    return found
