"""Drafts are runs that a merge is copying; no command lists them until they are whole."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from probekit.plugin.errors import StoreError, explain_os_error
from probekit.storage import disk
from probekit.storage.folder import Folder
from probekit.storage.lock import RunLocked
from probekit.storage.maintenance.verify import find_faults
from probekit.storage.root import (
    MERGING,
    discard_folder,
    explain_root_error,
    list_trash,
    lock_root,
    remove_tree,
)
from probekit.storage.store import Store

OLD_PREFIX = ".merging-"
"""Prefix of the drafts that older versions kept in the root itself; a run may have been trained in one."""
LOCK_FILES = frozenset({".lock", ".lease"})
"""These are not copied, nor are drafts of files, which end in .draft."""


@contextlib.contextmanager
def open_draft(store: Store, name: str) -> Iterator[Path]:
    """Make a folder to copy a run into, locked until it is adopted or dropped.

    Args:
        store: The store to copy into.
        name: The name of the run's folder.

    Yields:
        The path of an empty folder. Whatever is left in it at the end is removed.

    Raises:
        StoreError: The store cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with lock_store(store):  # no other process may find the nest before it is locked
            nest = make_nest(store)
            stack.callback(remove_nest, store, nest)
            stack.enter_context(Folder(nest).hold_lock())
            draft = nest / name
            draft.mkdir()
        yield draft


@contextlib.contextmanager
def lock_store(store: Store) -> Iterator[None]:
    """Lock the root of a store, which is made if need be, while drafts in it are looked up or made.

    Raises:
        StoreError: The store cannot be written.
    """
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        with lock_root(store.root):
            yield
    except OSError as error:
        raise explain_root_error(store.root, error) from error


def make_nest(store: Store) -> Path:
    """Make a folder for one draft and its locks; the caller holds the root's lock."""
    nest = store.root / MERGING / secrets.token_hex(8)
    nest.mkdir(parents=True)
    return nest


def remove_nest(store: Store, nest: Path) -> None:
    """Remove a draft's folder with all its content, and the folder of drafts if it was the last."""
    discard_folder(nest, store.root)
    remove_empty(store)


def remove_empty(store: Store) -> None:
    """Remove the folder of drafts if it is empty."""
    if os.path.lexists(store.root / MERGING):
        with lock_store(store), contextlib.suppress(OSError):
            (store.root / MERGING).rmdir()


def find_abandoned_drafts(store: Store) -> list[Path]:
    """Return the drafts that no process fills, as an interrupted merge leaves them.

    Raises:
        StoreError: The store cannot be read or written.
    """
    abandoned = []
    for path in list_drafts(store):
        with contextlib.suppress(RunLocked), lock_draft(store, path):
            abandoned.append(path)
    return abandoned


def list_drafts(store: Store) -> list[Path]:
    """Return the folders of drafts."""
    return sorted([*store.root.glob(f"{OLD_PREFIX}*"), *(store.root / MERGING).glob("*")])


@contextlib.contextmanager
def lock_draft(store: Store, path: Path) -> Iterator[None]:
    """Hold the lock of a draft, if it exists; raises RunLocked if another process fills it."""
    with contextlib.ExitStack() as stack:
        with lock_store(store):
            if path.is_dir() and not path.is_symlink():
                try:
                    stack.enter_context(Folder(path).hold_lock())
                except RunLocked:
                    raise
                except StoreError:
                    if os.path.lexists(path):  # else the process that filled it has just removed it
                        raise
        yield


def settle_drafts(store: Store) -> None:
    """Complete or drop each draft that no process fills, and finish interrupted removals.

    Raises:
        StoreError: The store cannot be read or written.
    """
    for path in list_trash(store.root):
        remove_tree(path)
    for path in list_drafts(store):
        with contextlib.suppress(RunLocked):
            settle_draft(store, path)
    remove_empty(store)


def settle_draft(store: Store, path: Path) -> None:
    """Make an abandoned draft a run of the store if it is done and new; else drop it.

    Raises:
        RunLocked: Another process fills it.
        StoreError: The store cannot be read or written.
    """
    if path.name.startswith(OLD_PREFIX):
        with open_draft(store, path.name.removeprefix(OLD_PREFIX)) as draft:
            with lock_draft(store, path):
                move_draft(path, draft)
            adopt_finished(store, draft)
        return
    with lock_draft(store, path):
        for draft in list_subfolders(path):
            adopt_finished(store, draft)
        remove_nest(store, path)


def move_draft(path: Path, draft: Path) -> None:
    """Move an older draft, whose locks lie among its files, to a new draft's path.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        path.rename(draft)
        for name in LOCK_FILES:
            (draft / name).unlink(missing_ok=True)
    except FileNotFoundError:  # another process settled it
        return
    except OSError as error:
        raise StoreError(f"moving {path}", *explain_os_error(error, disk.SPACE_HINT)) from error


def list_subfolders(path: Path) -> list[Path]:
    """Return the folders in a folder, without links; raises StoreError if it cannot be read."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"reading {path}", *explain_os_error(error, disk.FORCE_HINT)) from error


def adopt_finished(store: Store, draft: Path) -> bool:
    """Make a draft a run of the store if it is whole, done and new; return whether it was adopted."""
    folder = Folder(draft)
    if next(find_faults(folder), None) is not None:
        return False
    try:
        plan, outcome = folder.read_spec(), read_outcome(folder)
    except StoreError:
        return False
    return outcome[0] == "done" and store.adopt_draft(
        plan, draft, lambda: not explain_duplicate(store.reruns(plan), outcome)
    )


def explain_duplicate(reruns: list[Folder], outcome: tuple[str, str]) -> str:
    """Return why a run adds nothing to the reruns of its plan in the store; "" if it does.

    Args:
        reruns: The run folders of its plan.
        outcome: The run's status and the hash of its weights.
    """
    if not reruns:
        return ""
    if outcome[0] != "done":
        return "a run of this plan is"
    return "with the same weights" if any(read_outcome(rerun) == outcome for rerun in reruns) else ""


def read_outcome(folder: Folder) -> tuple[str, str]:
    """Return a run's status and the hash of its weights; ("", "") without a whole result."""
    try:
        result = folder.read_result()
    except StoreError:
        return "", ""
    return result.status, result.weights


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder with its subfolders, so that the copy survives a power loss.

    Links stay links. Pipes and devices are left out.

    Raises:
        StoreError: A file cannot be read, or the disk refuses.
    """
    try:
        target.mkdir(exist_ok=True)
        for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
            if entry.name in LOCK_FILES or entry.name.endswith(".draft"):
                continue
            source_path, target_path = Path(entry.path), target / entry.name
            if entry.is_symlink():
                target_path.symlink_to(source_path.readlink())
            elif entry.is_dir():
                copy_folder(source_path, target_path)
            elif entry.is_file():
                disk.copy_file(source_path, target_path)
    except OSError as error:
        raise StoreError(f"copying {source}", *explain_os_error(error, disk.SPACE_HINT)) from error
    disk.sync_folder(target)
