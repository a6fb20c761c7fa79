"""`probekit runs` lists what is stored, and removes what is asked for."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated, Any

import typer

from probekit.cards.words import NOTHING, duration, number, written
from probekit.cli.messages import near, note, say, tell
from probekit.cli.options import Kept
from probekit.cli.table import print_json, print_table
from probekit.errors import StoreError, UsageError, did_you_mean
from probekit.plain import as_cell, marked

if TYPE_CHECKING:
    from probekit.plans.plan import Plan
    from probekit.storage.folder import Folder
    from probekit.storage.result import Result
    from probekit.storage.store import Store

HEADS = ("probe", "structure", "scale", "seed", "status", "headline", "score", "seconds", "folder")


def runs(
    action: Annotated[
        str | None, typer.Argument(metavar="[rm]", help="rm removes what is listed, after asking.")
    ] = None,
    probe: Annotated[str | None, typer.Option(help="Of this probe alone, as it was asked for.")] = None,
    structure: Annotated[
        str | None, typer.Option("--structure", "-s", help="Of this structure alone.")
    ] = None,
    scale: Annotated[str | None, typer.Option(help="Of this scale alone.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of this seed alone.")] = None,
    status: Annotated[
        str | None,
        typer.Option(help="done, failed, running, queued, preempted, lost, or unread."),
    ] = None,
    store: Kept = None,
    yes: Annotated[bool, typer.Option("--yes", help="With rm: do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one list of runs.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """List the runs of a store; with rm, remove those that are listed, after asking.

    Example: probekit runs --structure unet+lambda --status failed
    """
    from probekit.storage.store import Store

    if action not in (None, "rm"):
        raise UsageError(f"runs {action}", "there is no such action", did_you_mean(str(action), ["rm"]))
    if as_json and as_csv:
        raise UsageError("--json and --csv", "they exclude each other", "Type one of them.")
    root = Store(store)
    wanted = {"probe": probe, "structure": structure, "scale": scale, "seed": seed, "status": status}
    wanted = {
        name: written(value) if isinstance(value, str) else value
        for name, value in wanted.items()
        if value is not None
    }
    found = [(folder, described(folder, one)) for folder, one in root.results()]
    found = [one for one in found if all(one[1][name] == value for name, value in wanted.items())]
    rows = [row for _, row in found]
    if as_json:
        print_json(rows)
    elif as_csv:
        text = io.StringIO()
        sheet = csv.DictWriter(text, HEADS, lineterminator="\n")
        sheet.writeheader()
        sheet.writerows({name: as_cell(value) for name, value in row.items()} for row in rows)
        tell(text.getvalue().rstrip("\n"))
    elif rows:
        shown = [[shown_as(name, row[name]) for name in HEADS] for row in rows]
        print_table(f"{len(rows)} runs in {near(root.root)}", HEADS, shown)
    else:
        tell(f"{near(root.root)} holds no such run.")
    if action == "rm" and rows:
        remove(root, [folder for folder, _ in found], yes)


def described(folder: Folder, one: Result | StoreError) -> dict[str, Any]:
    """Return a run as a row."""
    from probekit.storage.phase import unfinished

    where = str(near(folder.path))
    if isinstance(one, StoreError) and (found := unfinished(folder)) is not None:
        how_far = f"step {found.step} of {found.steps}" if found.steps else None
        asked, cost = of_spec(found.plan), {"score": None, "seconds": None}
        return {**asked, "status": found.name, "headline": how_far, **cost, "folder": where}
    if isinstance(one, StoreError):
        return {**dict.fromkeys(HEADS), "status": "unread", "headline": one.found, "folder": where}
    name, score = next(iter(one.metrics.items()), (None, None))
    return {
        **of_spec(one.plan),
        "status": one.status,
        "headline": name if one.status == "done" else one.error,
        "score": score,
        "seconds": round(one.seconds, 1),
        "folder": where,
    }


def of_spec(plan: Plan) -> dict[str, Any]:
    """Return what a run was asked for."""
    spec = plan.spec
    asked = {"probe": written(spec.probe), "structure": written(spec.structure)}
    return {**asked, "scale": marked(spec.scale), "seed": spec.seed}


def shown_as(name: str, value: Any) -> str:
    """Return a value of a row for people."""
    if name == "seconds":
        return duration(value)
    return number(value) if name == "score" else NOTHING if value is None else str(value)[:LONGEST]


LONGEST = 200
"""Signs of a cell: an error may be a page."""


def remove(root: Store, folders: list[Folder], yes: bool) -> None:
    """Remove folders of runs, each held alone meanwhile; what another process is at is named and stays.

    Raises UsageError where there is nobody to ask.
    """
    import sys

    from probekit.storage.claim import held_to_read
    from probekit.storage.root import discard

    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "runs rm", "there is no terminal to ask on", "Type --yes to remove them unasked."
            )
        if not typer.confirm(f"Remove these {len(folders)} runs? They cannot be had back", err=True):
            note("nothing was removed.")
            return
    removed = 0
    for folder in folders:
        try:
            with held_to_read(folder.path):
                discard(folder.path, root.root)
            removed += 1
        except StoreError as error:
            say(str(error))
    note(f"removed {removed} runs.")
    if removed < len(folders):
        raise typer.Exit(1)
