"""`probekit runs` lists stored runs, or removes some of them."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cards.formatting import NOTHING, format_duration, format_score
from probekit.cli.options import StoreOption
from probekit.cli.rows import add_judgements
from probekit.cli.table import print_json, print_table
from probekit.plain import escape_cell, escape_lookalikes
from probekit.plans.spec import format_expression
from probekit.plugin.errors import StoreError, UsageError, did_you_mean
from probekit.terminal.messages import print_error, print_info, print_output, relative_path

if TYPE_CHECKING:
    from probekit.plans.plan import Plan
    from probekit.storage.folder import Folder
    from probekit.storage.result import Result
    from probekit.storage.store import Store

HEADS = ("probe", "structure", "scale", "seed", "status", "headline", "score", "seconds", "folder")
MAX_CELL = 200
"""Most characters of a cell: an error message may fill a page."""


def list_runs(
    action: Annotated[
        str | None,
        typer.Argument(metavar="[rm]", help="With rm, remove the listed runs after confirmation."),
    ] = None,
    probe: Annotated[
        str | None, typer.Option(help="List only runs of this probe, as it was typed in `probekit run`.")
    ] = None,
    structure: Annotated[
        str | None, typer.Option("--structure", "-s", help="List only runs of this structure.")
    ] = None,
    scale: Annotated[str | None, typer.Option(help="List only runs of this scale.")] = None,
    seed: Annotated[int | None, typer.Option(help="List only runs of this seed.")] = None,
    status: Annotated[
        str | None,
        typer.Option(
            help="List only runs with this status: done, failed, running, queued, preempted, lost or unread."
        ),
    ] = None,
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="With rm: do not ask for confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of runs.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """List the runs of a store, all or those that match the options; with rm, remove them.

    Example: probekit runs --structure unet+lambda --status failed
    """
    from probekit.cards.aggregate import StoredRun
    from probekit.catalog.registry import registry
    from probekit.storage.store import Store

    if action not in (None, "rm"):
        raise UsageError(f"runs {action}", "there is no such action", did_you_mean(str(action), ["rm"]))
    if as_json and as_csv:
        raise UsageError("--json and --csv", "they exclude each other", "Type only one of them.")
    run_store = Store(store)
    options = {"probe": probe, "structure": structure, "scale": scale, "seed": seed, "status": status}
    filters = {
        field: format_expression(value) if isinstance(value, str) else value
        for field, value in options.items()
        if value is not None
    }
    listed = [(folder, result, describe_run(folder, result)) for folder, result in run_store.read_results()]
    listed = [run for run in listed if all(run[2][field] == value for field, value in filters.items())]
    rows = [row for _, _, row in listed]
    if as_json or as_csv:
        stored_runs = (
            None if isinstance(result, StoreError) else StoredRun(result, folder)
            for folder, result, _ in listed
        )
        rows = add_judgements(zip(rows, stored_runs, strict=True), run_store, registry())
    if as_json:
        print_json(rows)
    elif as_csv:
        text = io.StringIO()
        heads = list(dict.fromkeys([*HEADS, *(field for row in rows for field in row)]))
        writer = csv.DictWriter(text, heads, lineterminator="\n")
        writer.writeheader()
        writer.writerows({field: escape_cell(value) for field, value in row.items()} for row in rows)
        print_output(text.getvalue().rstrip("\n"))
    elif rows:
        cells = [[format_field(field, row[field]) for field in HEADS] for row in rows]
        print_table(f"{len(rows)} runs in {relative_path(run_store.root)}", HEADS, cells)
    else:
        print_output(f"No run in {relative_path(run_store.root)} matches.")
    if action == "rm" and rows:
        remove_runs(run_store, [folder for folder, _, _ in listed], yes)


def describe_run(folder: Folder, result: Result | StoreError) -> dict[str, Any]:
    """Return the row of a run."""
    from probekit.storage.phase import find_unfinished

    path = str(relative_path(folder.path))
    if isinstance(result, StoreError) and (phase := find_unfinished(folder)) is not None:
        progress = f"step {phase.step} of {phase.steps}" if phase.steps else None
        request, cost = describe_request(phase.plan), {"score": None, "seconds": None}
        return {**request, "status": phase.name, "headline": progress, **cost, "folder": path}
    if isinstance(result, StoreError):
        return {**dict.fromkeys(HEADS), "status": "unread", "headline": result.problem, "folder": path}
    metric, score = next(iter(result.metrics.items()), (None, None))
    return {
        **describe_request(result.plan),
        "status": result.status,
        "headline": metric if result.status == "done" else result.error,
        "score": score,
        "seconds": round(result.seconds, 1),
        "folder": path,
    }


def describe_request(plan: Plan) -> dict[str, Any]:
    """Return probe, structure, scale and seed of a plan, as they were typed."""
    spec = plan.spec
    names = {"probe": format_expression(spec.probe), "structure": format_expression(spec.structure)}
    return {**names, "scale": escape_lookalikes(spec.scale), "seed": spec.seed}


def format_field(field: str, value: Any) -> str:
    """Return a field of a row as the text of a table's cell."""
    if field == "seconds":
        return format_duration(value)
    return format_score(value) if field == "score" else NOTHING if value is None else str(value)[:MAX_CELL]


def remove_runs(store: Store, folders: list[Folder], yes: bool) -> None:
    """Remove folders of runs, each under its lock; a run that another process uses is kept and named.

    Args:
        store: the store.
        folders: what to remove.
        yes: do not ask for confirmation.

    Raises:
        UsageError: there is no terminal on which to ask.
        typer.Exit: with code 1 if a run could not be removed.
    """
    from probekit.storage.lock import lock_for_reading
    from probekit.storage.root import discard_folder

    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "runs rm",
                "there is no terminal to ask for confirmation",
                "Type --yes to remove them without asking.",
            )
        if not typer.confirm(f"Remove these {len(folders)} runs? You cannot undo this", err=True):
            print_info("removed nothing.")
            return
    removed = 0
    for folder in folders:
        try:
            with lock_for_reading(folder.path):
                discard_folder(folder.path, store.root)
            removed += 1
        except StoreError as error:
            print_error(str(error))
    print_info(f"removed {removed} runs.")
    if removed < len(folders):
        raise typer.Exit(1)
