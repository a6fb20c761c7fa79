"""A row is one run, as `--json` and the table of runs print it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from probekit.cli.table import print_table
from probekit.terminal.messages import relative_path

if TYPE_CHECKING:
    from probekit.cards.aggregate import StoredRun
    from probekit.catalog.registry import Registry
    from probekit.plans.job import Job
    from probekit.schedule.event import Event
    from probekit.storage.folder import Folder
    from probekit.storage.result import Result
    from probekit.storage.store import Store


def event_rows(events: Sequence[Event], store: Store, registry: Registry) -> list[dict[str, Any]]:
    """Return the rows of all jobs' last events, each with the verdict on its structure."""
    from probekit.cards.aggregate import StoredRun

    stored_runs = (
        StoredRun(event.result, event.folder) if event.result and event.folder else None for event in events
    )
    return add_judgements(zip(map(event_row, events), stored_runs, strict=True), store, registry)


def add_judgements(
    rows: Iterable[tuple[dict[str, Any], StoredRun | None]], store: Store, registry: Registry
) -> list[dict[str, Any]]:
    """Return rows with the verdict on their structure, over all its seeds among them.

    Args:
        rows: Rows, each with its run, or None if there is no result.
        store: Where certificates are.
        registry: The installed components.
    """
    from probekit.cards.judge import judge_runs

    pairs = list(rows)
    judgements = judge_runs([run for _, run in pairs if run is not None], store, registry)
    found = (judgements.get(run.folder.path.name) if run is not None else None for _, run in pairs)
    return [
        row if judgement is None else {**row, **judgement.columns()}
        for (row, _), judgement in zip(pairs, found, strict=True)
    ]


def event_row(event: Event) -> dict[str, Any]:
    """Return the row of a job's last event."""
    return run_row(event.job, event.status, event.folder, event.result)


def run_row(
    job: Job, status: str, folder: Folder | None = None, result: Result | None = None
) -> dict[str, Any]:
    """Return the row of one run."""
    plan = job.plan
    return {
        "probe": plan.spec.probe,
        "structure": plan.spec.structure,
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
        "folder": str(relative_path(folder.path)) if folder else None,
    }


def print_runs(rows: Sequence[dict[str, Any]]) -> None:
    """Print one row per run: what ran, its status and its folder."""
    from probekit.cards.formatting import budget_note, format_width

    print_table(
        "",
        ["probe", "structure", "scale", "seed", "status", "parameters", "width", "seconds", "folder"],
        [
            [
                row["probe"],
                row["structure"],
                row["scale"],
                str(row["seed"]),
                row["status"],
                f"{row['parameters']:,}" + budget_note(row["budget_gap"]),
                format_width(row["width"], row["width_wished"]),
                "-" if row["seconds"] is None else f"{row['seconds']:.0f}",
                row["folder"] or "-",
            ]
            for row in rows
        ],
    )
