"""`probekit reproduce` runs a paper's tables and sets its numbers beside ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.follow import follow_schedule, follow_tuning, make_interrupted
from probekit.cli.messages import note
from probekit.cli.options import Device, Executed, Jobs, Kept, Markdown, Page, Threads
from probekit.cli.schedule import make_schedule
from probekit.cli.table import print_json, print_tables
from probekit.stop import Limit

if TYPE_CHECKING:
    from probekit.evidence.reproduce import Place, Source
    from probekit.plans.job import Job
    from probekit.schedule.schedule import Schedule
    from probekit.storage.result import Result
    from probekit.storage.store import Store

    Tables = list[tuple[Source, dict[Place, Job]]]


def reproduce(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="As table1.  [default: all]")
    ] = None,
    scale: Annotated[str, typer.Option(help="At paper, rows have the paper's widths.")] = "quick",
    seeds: Annotated[int, typer.Option(metavar="K", min=1, max=1000, help="Run seeds 0 to K - 1.")] = 1,
    trainer: Annotated[str, typer.Option(help="As supervised(epochs=20).")] = "supervised",
    device: Device = None,
    store: Kept = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Choose each row's learning rate of three on the validation split.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop after so long, best rows first; again goes on.")
    ] = None,
    executor: Executed = None,
    jobs: Jobs = None,
    threads: Threads = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing; leave open what is not stored.")
    ] = False,
    html: Page = None,
    md: Markdown = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of tables.")] = False,
) -> None:
    """Run what the store lacks of published tables; print their numbers beside ours, order and conclusions.

    The order is compared by Kendall's tau over the pairs of rows that the paper sets apart: by more than a
    point where higher is better, by more than a tenth where lower is. A conclusion holds, or does not, where
    the 95 % interval of its margin over seeds says so; of one seed, where the margin exceeds what the scale's
    measured noise between seeds makes of it.

    Example: probekit reproduce table2 table3 --seeds 3
    """
    from probekit.cards.reproduction import tables
    from probekit.cli.written import write_tables
    from probekit.evidence.reproduce import reproduced, sources
    from probekit.storage.store import Store

    folder, limit = Store(store), None if minutes is None else Limit(60 * minutes)
    schedule = make_schedule(
        folder, device=device, limit=limit, executor=executor, jobs=jobs, threads=threads
    )
    tables_of_jobs = [
        (source, planned(source, scale, seeds, trainer)) for source in sources(registry(), names or [])
    ]
    if tune and not dry_run:
        tables_of_jobs = [
            (source, dict(zip(rows, follow_tuning(schedule, list(rows.values())), strict=True)))
            for source, rows in tables_of_jobs
        ]
    results = stored(tables_of_jobs, folder) if dry_run else carried_out(tables_of_jobs, schedule)
    found, lost = [], False
    for source, some in tables_of_jobs:
        plans = {place: job.plan for place, job in some.items()}
        here = {place: results[plan.identity] for place, plan in plans.items() if plan.identity in results}
        lost |= len(here) < len(plans)
        found.append(reproduced(source, scale, plans, here))
    texts = [table for one in found for table in tables(one)]
    about = "Numbers of the paper beside ours: the order of the rows, and each of the paper's conclusions."
    write_tables(f"{', '.join(one.name for one in found)} at scale {scale}", about, texts, html, md)
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    else:
        print_tables(texts)
    asked_for_all = limit is None and not dry_run
    if any(line.failed for one in found for line in one.lines) or (lost and asked_for_all):
        raise typer.Exit(1)


def planned(source: Source, scale: str, seeds: int, trainer: str) -> dict[Place, Job]:
    """Plan a table's rows, each resolved once for all seeds."""
    from probekit.evidence.reproduce import specs
    from probekit.plans.job import make_job

    rows = {row: make_job(spec, registry()) for row, spec in specs(source, scale, trainer).items()}
    return {(row, seed): job.seeded(seed) for row, job in rows.items() for seed in range(seeds)}


def carried_out(jobs: Tables, schedule: Schedule) -> dict[str, Result]:
    """Return the results by identity, running what the store lacks, each table's best rows first.

    Raises Interrupted at Ctrl-C.
    """
    order: list[Job] = []
    for source, some in jobs:
        note(f"{source.name}: {len(some)} runs")
        order += [some[row, seed] for row, seed in sorted(some, key=lambda at: (at[1], source.rank(at[0])))]
    done = follow_schedule(schedule, order, registry())
    if done.interruption:
        raise make_interrupted(done.interruption)
    if remaining := done.count("planned"):
        note(f"The time is over; {remaining} of {len(order)} runs are left for the same command.")
    return {outcome.result.plan.identity: outcome.result for outcome in done.outcomes}


def stored(jobs: Tables, store: Store) -> dict[str, Result]:
    """Return by identity the results that the store holds; raises StoreError where one is not whole."""
    plans = [job.plan for _, some in jobs for job in some.values()]
    kept = {plan.identity: store.find(plan) for plan in plans}
    return {name: found[0] for name, found in kept.items() if found is not None}
