"""A grid is the runs of a command: planned at once, tuned if asked, carried out one by one."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from probekit.catalog.registry import registry
from probekit.cli.messages import near, note, say
from probekit.cli.progress import Progress
from probekit.errors import Interrupted, ProbekitError, UsageError, reason
from probekit.stop import Limit, stop

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plans.spec import RunSpec
    from probekit.runs.run import Outcome
    from probekit.storage.folder import Folder
    from probekit.storage.result import Result
    from probekit.storage.store import Store


MOST = 10_000
"""Runs of one command."""


def planned(
    probes: list[str], structures: list[str], seeds: Sequence[int], asked: dict[str, Any]
) -> tuple[list[Job], int]:
    """Plan the whole grid, each name once; return the jobs, and how many a broken plugin kept from being one.

    What breaks is said. Raises UsageError where one of them cannot be meant, or no job is left.
    """
    from probekit.plans.job import make_job
    from probekit.plans.spec import make_spec

    many = seeds.stop if isinstance(seeds, range) else len(seeds)  # len() of a range may overflow
    if (asked_for_all := len(probes) * len(structures) * many) > MOST:
        found_all = f"that is {asked_for_all:,} runs, and one command takes {MOST:,} at the most"
        raise UsageError(f"{many:,} seeds", found_all, "Type fewer seeds, structures or probes.")
    found: dict[tuple[str, str], Job] = {}
    broken: list[ProbekitError] = []
    for probe, structure in product(probes, structures):
        try:
            spec = make_spec(probe=probe, structure=structure, seed=seeds[0], **asked)
            found[probe, structure] = make_job(spec, registry())
        except UsageError:
            raise
        except ProbekitError as error:
            broken.append(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # one structure's code, which is no reason to leave out the others
            hint = "`probekit check` may tell more; --debug shows where."
            broken.append(ProbekitError(f"planning {structure} on {probe}", reason(error), hint))
    if broken and not found:
        raise broken[0]
    for message in dict.fromkeys(map(str, broken)):
        say(message)
    jobs: dict[RunSpec, Job] = {}
    for probe, seed, structure in product(probes, seeds, structures):
        if (probe, structure) in found:
            job = found[probe, structure].seeded(seed)
            jobs.setdefault(job.plan.spec, job)
    return list(jobs.values()), len(broken)


def carry_out_all(
    jobs: list[Job],
    device: str | None,
    store: Store,
    force: bool,
    timeout: float | None = None,
    within: Limit | None = None,
) -> tuple[list[dict[str, Any]], list[Outcome], KeyboardInterrupt | None]:
    """Carry out the jobs one by one; return a row each, what came of them, and what stopped it: Ctrl-C or a
    signal.

    One that another process is at comes last, and is waited for. One that is another by a second name is not
    carried out again: it has its row, and is no second outcome. within: what all of them may take; one that
    is cut short keeps its checkpoint, and is planned again like those that were not begun.
    """
    from probekit.catalog.denormals import start_threads
    from probekit.runs.machine import chosen_device
    from probekit.runs.replay import Replay
    from probekit.runs.run import carry_out, find_stored
    from probekit.storage.claim import Claimed

    start_threads()
    rows: dict[int, dict[str, Any]] = {}
    outcomes: dict[int, Outcome] = {}
    before: dict[str, int] = {}
    queue = deque((place, job, False) for place, job in enumerate(jobs))
    stopped: KeyboardInterrupt | None = None
    with Progress(len(jobs)) as progress:
        while queue:
            place, job, waiting = queue.popleft()
            if stopped or (within is not None and within.over):
                rows[place] = described(job, "planned")
                replay = Replay(job, chosen_device(device))
                if not (stopped or force) and (outcome := find_stored(job, store, replay)) is not None:
                    outcomes[place] = outcome
                    rows[place] = described(job, "stored", outcome.folder, outcome.result)
                continue
            if not waiting:
                progress.begin(job)
            if (twin := before.setdefault(job.plan.identity, place)) != place:
                if twin in rows:
                    rows[place] = {**rows[twin], **asked_for(job)}
                else:
                    queue.append((place, job, True))
                continue
            try:
                outcome = carry_out(
                    job,
                    registry(),
                    device=device,
                    store=store,
                    force=force,
                    watch=progress.watch,
                    patience=None if waiting else 0,
                    timeout=timeout if within is None else within.left(timeout),
                )
            except Claimed:
                note(f"{job.name}: another process is at it; it is waited for when the rest is done.")
                queue.append((place, job, True))
                continue
            except KeyboardInterrupt as error:
                stopped = error
                stop.taken()
                rows[place] = described(job, "interrupted", store.newest(job.plan))
                continue
            except ProbekitError as error:
                say(f"{job.name}: {error}")
                rows[place] = described(job, "failed", store.newest(job.plan))
                continue
            result = outcome.result
            if result.status == "failed" and within is not None and within.over:
                rows[place] = described(job, "planned", outcome.folder)
                continue
            outcomes[place] = outcome
            rows[place] = described(
                job, "stored" if outcome.stored else result.status, outcome.folder, result
            )
            if result.status == "failed":
                say(f"{job.name} failed: {result.error} See {near(outcome.folder.path)}.")
            if outcome.stored and (changed := elsewhere(result, device)):
                note(f"{job.name} was stored in another environment: {changed}.")
    return [rows[place] for place in sorted(rows)], [outcomes[place] for place in sorted(outcomes)], stopped


def interrupted(by: KeyboardInterrupt, aside: str = "") -> Interrupted:
    """Return what a command ends with at Ctrl-C or a signal; aside: how the command that goes on is
    another."""
    hint = f"Type the same command{aside} to go on."
    ended = Interrupted(str(by) or "Ctrl-C", "stopped; what was done is kept", hint)
    ended.exit_code = getattr(by, "code", Interrupted.exit_code)
    return ended


def elsewhere(result: Result, device: str | None) -> str:
    """Say in what the environment of a result differs from this one."""
    from probekit.runs.machine import chosen_device, environment

    here = environment(chosen_device(device))
    return "; ".join(here.changes(result.environment.model_dump()))


def asked_for(job: Job) -> dict[str, Any]:
    """Return what a job was called."""
    return {"probe": job.plan.spec.probe, "structure": job.plan.spec.structure}


def described(
    job: Job, status: str, folder: Folder | None = None, result: Result | None = None
) -> dict[str, Any]:
    """Return the row of one run, as --json prints it."""
    plan = job.plan
    return {
        **asked_for(job),
        "scale": plan.scale,
        "seed": plan.seed,
        "status": status,
        "metrics": result.metrics if result else {},
        "unscored": result.unscored if result else {},
        "parameters": plan.parameters,
        "width": plan.width,
        "width_wished": plan.width_wished,
        "budget_gap": plan.budget_gap,
        "seconds": result.seconds if result else None,
        "folder": str(near(folder.path)) if folder else None,
    }


def tuned(jobs: list[Job], device: str | None, store: Store, timeout: float | None = None) -> list[Job]:
    """Return the jobs with the learning rate that is best on validation, chosen on each group's first seed.

    A group shares all but the seed. What was tried is kept in the store like any run; what was chosen is
    said, and kept as tune-*/choice.json. Raises Interrupted at Ctrl-C, RunError where no rate was scored.
    """
    from probekit.plans.plan import readable
    from probekit.runs.tune import CHOICE, candidates, choose, with_trainer

    groups: dict[RunSpec, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.plan.spec.model_copy(update={"seed": 0})].append(job)
    found = []
    for group in groups.values():
        tried = candidates(group[0], registry())
        _, outcomes, stopped = carry_out_all(tried, device, store, force=False, timeout=timeout)
        if stopped:
            raise interrupted(stopped)
        choice = choose(tried, [outcome.result for outcome in outcomes])
        note(f"{choice.sentence()}.")
        plan = group[0].plan
        name = readable(f"tune-{choice.structure}-{choice.probe}-{plan.scale}")
        folder = store.loose(f"{name}-{plan.identity[:12]}")
        folder.write_json(CHOICE, choice.model_dump(mode="json"))
        first = with_trainer(group[0], choice.trainer, registry())
        found += [first.seeded(job.plan.seed) for job in group]
    return found
