"""`probekit reproduce` runs the tables of a paper and compares its numbers with ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.estimate import describe_estimate
from probekit.cli.options import (
    DeviceOption,
    ExecutorOption,
    HtmlOption,
    JobsOption,
    MarkdownOption,
    StoreOption,
    ThreadsOption,
    parse_seed_count,
)
from probekit.cli.schedule import make_schedule
from probekit.cli.table import print_json, print_tables, write_tables
from probekit.plugin.errors import UsageError
from probekit.plugin.stop import TimeLimit
from probekit.schedule.tuning import list_trials
from probekit.terminal.follow import follow_schedule, follow_tuning, make_interrupted
from probekit.terminal.messages import print_info, print_output

MAX_SEEDS = 1000

if TYPE_CHECKING:
    from probekit.evidence.reproduce import PublishedTable, RowSeed
    from probekit.plans.job import Job
    from probekit.schedule.schedule import Schedule
    from probekit.storage.result import Result
    from probekit.storage.store import Store

    TableJobs = list[tuple[PublishedTable, dict[RowSeed, Job]]]
    """The jobs of each table, by row and seed."""


def reproduce_tables(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="Published tables, for example table1.  [default: all]"),
    ] = None,
    scale: Annotated[
        str, typer.Option(help="Scale of the probe; at the scale paper, rows have the paper's widths.")
    ] = "quick",
    seeds: Annotated[
        int, typer.Option(metavar="K", parser=parse_seed_count, help="Run seeds 0 to K - 1.")
    ] = 1,
    trainer: Annotated[str, typer.Option(help="Trainer, for example supervised(epochs=20).")] = "supervised",
    device: DeviceOption = None,
    store: StoreOption = None,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Per row, choose the best of three learning rates on validation data."),
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0, help="Time limit; the paper's best rows run first, and the same command continues."
        ),
    ] = None,
    executor: ExecutorOption = None,
    jobs: JobsOption = None,
    threads: ThreadsOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing; compare only the results that are stored.")
    ] = False,
    html: HtmlOption = None,
    md: MarkdownOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of tables.")] = False,
) -> None:
    """Run the rows of published tables that are not stored, and compare numbers, order and conclusions.

    The order is compared with Kendall's tau, over pairs of rows that differ clearly in the paper: by more
    than one point where higher is better, by more than a tenth where lower is better. A conclusion of the
    paper holds or fails if the 95% interval of its margin over seeds says so. With one seed, the margin must
    exceed the measured noise between seeds.

    Example: probekit reproduce table2 table3 --seeds 3
    """
    from probekit.cards.comparison_tables import reproduction_tables
    from probekit.evidence.reproduce import compare_with_published, find_published_tables
    from probekit.storage.store import Store

    if seeds > MAX_SEEDS:
        raise UsageError(f"--seeds {seeds}", f"a table takes {MAX_SEEDS:,} at the most", "Type fewer seeds.")
    run_store, limit = Store(store), None if minutes is None else TimeLimit(60 * minutes)
    schedule = make_schedule(
        run_store, device=device, limit=limit, executor=executor, jobs=jobs, threads=threads
    )
    table_jobs = [
        (source, plan_table(source, scale, seeds, trainer))
        for source in find_published_tables(registry(), names or [])
    ]
    if tune and not dry_run:
        table_jobs = [
            (
                source,
                dict(
                    zip(row_jobs, follow_tuning(schedule, list(row_jobs.values()), registry()), strict=True)
                ),
            )
            for source, row_jobs in table_jobs
        ]
    results = read_stored(table_jobs, run_store) if dry_run else run_tables(table_jobs, schedule)
    reproductions, incomplete = [], False
    for source, row_jobs in table_jobs:
        plans = {cell: job.plan for cell, job in row_jobs.items()}
        ours = {cell: results[plan.identity] for cell, plan in plans.items() if plan.identity in results}
        incomplete |= len(ours) < len(plans)
        reproductions.append(compare_with_published(source, scale, plans, ours))
    texts = [table for reproduction in reproductions for table in reproduction_tables(reproduction)]
    title = f"{', '.join(reproduction.name for reproduction in reproductions)} at scale {scale}"
    about = "The paper's numbers and ours: the order of the rows, and each conclusion of the paper."
    write_tables(title, about, texts, html, md)
    if as_json:
        print_json([reproduction.model_dump(mode="json") for reproduction in reproductions])
    else:
        print_tables(texts)
        if dry_run:
            all_jobs = [job for _, row_jobs in table_jobs for job in row_jobs.values()]
            planned = list_trials(all_jobs, registry()) if tune else all_jobs
            most = ", at most" if tune else ""
            print_output(f"Without --dry-run{most}: {describe_estimate(planned, run_store)}")
    needs_all = limit is None and not dry_run
    failed = any(line.failed for reproduction in reproductions for line in reproduction.lines)
    if failed or (incomplete and needs_all):
        raise typer.Exit(1)


def plan_table(source: PublishedTable, scale: str, seeds: int, trainer: str) -> dict[RowSeed, Job]:
    """Return the jobs of a table by row and seed; each row is resolved once for all seeds."""
    from probekit.evidence.reproduce import make_row_specs
    from probekit.plans.job import make_job

    rows = {row: make_job(spec, registry()) for row, spec in make_row_specs(source, scale, trainer).items()}
    return {(row, seed): job.with_seed(seed) for row, job in rows.items() for seed in range(seeds)}


def run_tables(table_jobs: TableJobs, schedule: Schedule) -> dict[str, Result]:
    """Run what is not stored, the paper's best rows of each table first.

    Args:
        table_jobs: the jobs of each table.
        schedule: how the jobs are carried out.

    Returns:
        The results by the identity of their plan.

    Raises:
        Interrupted: Ctrl-C was pressed, or a signal arrived.
    """
    ordered_jobs: list[Job] = []
    for source, row_jobs in table_jobs:
        print_info(f"{source.name}: {len(row_jobs)} runs")
        cells = sorted(row_jobs, key=lambda cell: (cell[1], source.rank_key(cell[0])))
        ordered_jobs += [row_jobs[cell] for cell in cells]
    done = follow_schedule(schedule, ordered_jobs, registry())
    if done.interruption:
        raise make_interrupted(done.interruption)
    if remaining := done.count("planned"):
        print_info(f"Time is up; {remaining} of {len(ordered_jobs)} runs remain. The same command continues.")
    return {outcome.result.plan.identity: outcome.result for outcome in done.outcomes}


def read_stored(table_jobs: TableJobs, store: Store) -> dict[str, Result]:
    """Return the stored results by the identity of their plan.

    Raises:
        StoreError: a result cannot be read.
    """
    plans = [job.plan for _, row_jobs in table_jobs for job in row_jobs.values()]
    stored_runs = {plan.identity: store.find(plan) for plan in plans}
    return {identity: run[0] for identity, run in stored_runs.items() if run is not None}
