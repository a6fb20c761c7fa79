"""A draft is a run that a merge is copying: it lies where no command lists it until it is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from probekit.errors import StoreError, explain_refusal
from probekit.storage import disk
from probekit.storage.care.verify import faults
from probekit.storage.claim import Claimed
from probekit.storage.folder import Folder
from probekit.storage.root import MERGING, discard, hold_root, refused, remove_tree, trash_of
from probekit.storage.store import Store

OLDER = ".merging-"
"""What the names of drafts began with that lay in the root itself; a run may have been trained in one."""
LEFT_OUT = frozenset({".lock", ".lease"})
"""Files that say who holds a folder; drafts of files, which end in .draft, are left out too."""


@contextlib.contextmanager
def drafting(store: Store, name: str) -> Iterator[Path]:
    """Make a folder to copy a run into, held until it is adopted or given up.

    Args:
        store: Where the run is to come.
        name: That of the run's folder.

    Yields:
        The path of an empty folder. What still lies there in the end is removed.

    Raises:
        StoreError: The store cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with held_store(store):  # nobody is to find the nest before it is held
            nest = make_nest(store)
            stack.callback(remove_nest, store, nest)
            stack.enter_context(Folder(nest).claimed())
            draft = nest / name
            draft.mkdir()
        yield draft


@contextlib.contextmanager
def held_store(store: Store) -> Iterator[None]:
    """Hold the root of a store, made if need be, while drafts in it are looked for or made.

    Raises:
        StoreError: The store cannot be written.
    """
    try:
        store.root.mkdir(parents=True, exist_ok=True)
        with hold_root(store.root):
            yield
    except OSError as error:
        raise refused(store.root, error) from error


def make_nest(store: Store) -> Path:
    """Make a folder for one draft and the locks of who fills it; the root is held meanwhile."""
    nest = store.root / MERGING / secrets.token_hex(8)
    nest.mkdir(parents=True)
    return nest


def remove_nest(store: Store, nest: Path) -> None:
    """Remove the folder of a draft with all that is in it, and the folder of drafts where it was the last."""
    discard(nest, store.root)
    remove_empty(store)


def remove_empty(store: Store) -> None:
    """Remove the folder of drafts where it is there and holds none."""
    if os.path.lexists(store.root / MERGING):
        with held_store(store), contextlib.suppress(OSError):
            (store.root / MERGING).rmdir()


def abandoned_drafts(store: Store) -> list[Path]:
    """Return the drafts that no process is filling, as an interrupted merge leaves them.

    Raises:
        StoreError: The store cannot be read or written.
    """
    found = []
    for path in drafts(store):
        with contextlib.suppress(Claimed), claimed_draft(store, path):
            found.append(path)
    return found


def drafts(store: Store) -> list[Path]:
    """Return the folders of drafts, each with what is in it."""
    nested = (store.root / MERGING).glob("*")
    return sorted([*store.root.glob(f"{OLDER}*"), *nested])


@contextlib.contextmanager
def claimed_draft(store: Store, path: Path) -> Iterator[None]:
    """Hold a draft that is there; raises Claimed where a process is filling it."""
    with contextlib.ExitStack() as stack:
        with held_store(store):
            if path.is_dir() and not path.is_symlink():
                stack.enter_context(Folder(path).claimed())
        yield


def settle_drafts(store: Store) -> None:
    """Complete each draft that no process is filling, or drop it; finish removals that were interrupted.

    Raises:
        StoreError: The store cannot be read or written.
    """
    for path in trash_of(store.root):
        remove_tree(path)
    for path in drafts(store):
        with contextlib.suppress(Claimed):
            settle_draft(store, path)
    remove_empty(store)


def settle_draft(store: Store, path: Path) -> None:
    """Make an abandoned draft a run of the store where it is a finished one that is not here; else drop it.

    Raises:
        Claimed: A process is filling it.
        StoreError: The store cannot be read or written.
    """
    if path.name.startswith(OLDER):
        with drafting(store, path.name.removeprefix(OLDER)) as draft:
            with claimed_draft(store, path):
                move_draft(path, draft)
            adopt_finished(store, draft)
        return
    with claimed_draft(store, path):
        for draft in folders_in(path):
            adopt_finished(store, draft)
        remove_nest(store, path)


def move_draft(path: Path, draft: Path) -> None:
    """Move an older draft, which had its locks beside its files, to where a new one is filled.

    Raises:
        StoreError: The disk refuses.
    """
    try:
        path.rename(draft)
        for name in LEFT_OUT:
            (draft / name).unlink(missing_ok=True)
    except FileNotFoundError:  # another process settled it
        return
    except OSError as error:
        raise StoreError(f"moving {path}", *explain_refusal(error, disk.ROOM)) from error


def folders_in(path: Path) -> list[Path]:
    """Return the folders within a folder, links left out; raises StoreError where it cannot be read."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"reading {path}", *explain_refusal(error, disk.ANEW)) from error


def adopt_finished(store: Store, draft: Path) -> bool:
    """Make a draft a run of the store where it is whole, done and not here yet; return whether it was."""
    folder = Folder(draft)
    if next(faults(folder), None) is not None:
        return False
    try:
        plan, found = folder.read_spec(), state(folder)
    except StoreError:
        return False
    return found[0] == "done" and store.adopt(plan, draft, lambda: not why_here(store.twins(plan), found))


def why_here(twins: list[Folder], found: tuple[str, str]) -> str:
    """Say why a run adds nothing to those of its plan that are here; "" where it does.

    Args:
        twins: The folders of its plan.
        found: Its state.
    """
    if not twins:
        return ""
    if found[0] != "done":
        return "a run of this plan is"
    return "with the same weights" if any(state(one) == found for one in twins) else ""


def state(folder: Folder) -> tuple[str, str]:
    """Return a run's status and the hash of its weights; ("", "") where it has no whole result."""
    try:
        result = folder.read_result()
    except StoreError:
        return "", ""
    return result.status, result.weights


def copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder, and of those in it, so that they outlive a loss of power.

    Links stay links; what is neither a file nor a folder, as a pipe, holds nothing and is left out.

    Raises:
        StoreError: A file cannot be read, or the disk does not take it.
    """
    try:
        target.mkdir(exist_ok=True)
        for entry in sorted(os.scandir(source), key=lambda one: one.name):
            if entry.name in LEFT_OUT or entry.name.endswith(".draft"):
                continue
            path, copied = Path(entry.path), target / entry.name
            if entry.is_symlink():
                copied.symlink_to(path.readlink())
            elif entry.is_dir():
                copy_folder(path, copied)
            elif entry.is_file():
                disk.copy(path, copied)
    except OSError as error:
        raise StoreError(f"copying {source}", *explain_refusal(error, disk.ROOM)) from error
    disk.sync_folder(target)
