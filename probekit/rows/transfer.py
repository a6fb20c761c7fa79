"""Rows leave a store and come back into one: as runs that are done, without their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from probekit.evidence.deciding.looks import read_looks, record_look
from probekit.plans.finite import to_json
from probekit.plugin.errors import StoreError
from probekit.rows.cells import Row, thin_curve
from probekit.rows.rows_file import read_all_rows
from probekit.schedule.choice import CHOICE, Choice, find_choice, read_choices
from probekit.storage.folder import LOG, Folder
from probekit.storage.loss_curve import read_losses
from probekit.storage.maintenance.draft import explain_duplicate, open_draft, settle_drafts
from probekit.storage.maintenance.merge import Fate
from probekit.storage.store import Store

TUNING = "tune"
"""The topic of the folder in which tuning stores its choice."""


def export_rows(store: Store, left_out: list[str]) -> Iterator[Row]:
    """Yield a row for each run of a store that has a result.

    Args:
        store: The store.
        left_out: Receives a sentence on each run that cannot be read.
    """
    choices = list(read_choices(store.root, left_out))
    for folder, result in store.read_results():
        if isinstance(result, StoreError):
            left_out.append(f"{folder.path.name}: {result.problem}")
            continue
        if not any(used.kind == "probe" for used in result.plan.components):
            left_out.append(f"{folder.path.name}: it names no probe")
            continue
        try:
            curve = thin_curve(read_losses(folder, result))
        except StoreError as error:
            left_out.append(f"{folder.path.name}: {error.problem}")
            continue
        looks = read_looks(store.root, result.plan)
        identity = result.plan.identity
        rejecting = (choice for choice in choices if identity in choice.rejected)
        choice = find_choice(choices, result.plan) or next(rejecting, None)
        yield Row(result, curve, looks.seeds if looks else (), choice)


def merge_rows(into: Store, rows: Iterable[Row]) -> Iterator[tuple[str, Fate, str]]:
    """Write the runs of rows into a store, each whole or not at all; nothing is overwritten.

    A done run is written unless a done run with the same weights is stored; a failed one only if its plan has
    no run.

    Args:
        into: The store.
        rows: The rows.

    Yields:
        The name of each run's folder, its fate and the reason.

    Raises:
        StoreError: The store cannot be read or written.
    """
    settle_drafts(into)
    choices = list(read_choices(into.root, []))
    for row in rows:
        # the looks come first: an interrupted merge must not leave runs without them
        write_records(into, row, choices)
        yield row.result.plan.folder, *merge_row(into, row)


def merge_row(into: Store, row: Row) -> tuple[Fate, str]:
    """Write a row's run into a store if it adds something; return its fate and the reason."""
    plan, outcome = row.result.plan, (row.result.status, row.result.weights)
    reruns = into.reruns(plan)
    if reason := explain_duplicate(reruns, outcome):
        return "here", reason
    with open_draft(into, plan.folder) as draft:
        fill_folder(Folder(draft), row)
        if not into.adopt_draft(plan, draft, lambda: not explain_duplicate(into.reruns(plan), outcome)):
            return "here", "another merge copied it meanwhile"
    return ("beside", "as the newest of its plan") if reruns else ("copied", "")


def fill_folder(folder: Folder, row: Row) -> None:
    """Write a row's specification, loss curve and result into an empty folder."""
    lines = "".join(to_json({"step": step, "loss": loss}) + "\n" for step, loss in row.curve).encode()
    folder.write_spec(row.result.plan)
    if lines:
        folder.write(LOG, lines)
    files = {LOG: hashlib.sha256(lines).hexdigest()} if lines else {}
    folder.write_result(row.result.model_copy(update={"files": files}))


class ScratchFolder(Folder):
    """A run's folder that is deleted when the command ends; its files need not survive a power cut."""

    def write(self, name: str, content: bytes) -> str:
        """Write a file, without waiting for the disk; return ""."""
        (self.path / name).write_bytes(content)
        return ""


def write_scratch_run(store: Store, row: Row) -> Folder:
    """Write a row's run, its looks and its choice of recipe into a temporary store; return its folder."""
    folder = ScratchFolder(store.root / row.result.plan.folder)
    if not folder.path.exists():
        folder.path.mkdir(parents=True)
        fill_folder(folder, row)
        write_records(store, row, [])
    return folder


def write_records(into: Store, row: Row, choices: list[Choice]) -> None:
    """Record a row's looks and the choice of its recipe in a store; `choices` are those that it has."""
    plan = row.result.plan
    looks = read_looks(into.root, plan)
    for seeds in sorted(set(row.looks) - set(looks.seeds if looks else ())):
        record_look(into, plan, seeds)
    if row.choice is not None and row.choice not in choices:
        folder = into.aux_folder(plan.name_file(TUNING))
        folder.write_json(CHOICE, row.choice.model_dump(mode="json"))
        choices.append(row.choice)


def merge_rows_file(into: Store, path: Path) -> tuple[list[tuple[str, Fate, str]], list[str]]:
    """Write the runs of a file of rows into a store.

    Returns:
        The name, fate and reason of each run, and a sentence on each row that is not counted.

    Raises:
        UsageError: There is no such file, or it is no file of rows.
        StoreError: No row in it can be counted, or the store cannot be written.
    """
    rows, left_out = read_all_rows(path)
    return list(merge_rows(into, rows)), left_out
