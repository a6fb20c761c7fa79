"""A root is a store's top folder: what in it may be a run, who changes it, and how something leaves it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from probekit.errors import StoreError, UsageError, explain_refusal
from probekit.storage import disk

MERGING, TRASH = ".merging", ".trash-"
"""Where a root keeps runs that are being copied into it, and what the names of folders begin with that are
being removed from it."""
UNREMOVED = "Type `probekit store verify`, and see who may write there."
ELSEWHERE = "Name another place with --store DIR."


def is_listed(name: str) -> bool:
    """Tell whether a name in a root may be that of a run: what is set aside has a hidden one."""
    return not name.startswith(".")


def listed(root: Path) -> list[str]:
    """List the names in a root that may be those of runs, in order; none where there is no root.

    Raises:
        StoreError: The root cannot be read.
    """
    try:
        return sorted(name for name in os.listdir(root) if is_listed(name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise refused(root, error) from error


def checked_root(given: Path | str) -> Path:
    """Return the place of a store that somebody named.

    Raises:
        UsageError: It is no place: an empty text, or one that no path can hold.
    """
    text = str(given)
    if not text.strip() or "\0" in text:
        found = "it is empty" if not text.strip() else "no path holds a zero byte"
        raise UsageError(f"the store {text!r}", found, "Name a folder, as probekit-runs, or leave it out.")
    return Path(given)


@contextlib.contextmanager
def hold_root(root: Path) -> Iterator[None]:
    """Hold a root while a folder is looked for and made, which takes no time.

    Where the disk locks no folders, as some that are reached over a network, nothing is held.

    Raises:
        StoreError: The root cannot be opened.
    """
    try:
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise refused(root, error) from error
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def refused(root: Path, error: OSError) -> StoreError:
    """Return the error that says why a root cannot be read or written."""
    found, hint = explain_refusal(error, ELSEWHERE)
    if os.path.isfile(root):
        found = "there is a file of that name"
    elif error.errno == errno.ENAMETOOLONG:
        hint = f"{hint} {ELSEWHERE}"
    return StoreError(f"keeping runs in {root}", found, hint)


def discard(path: Path, root: Path) -> None:
    """Remove a folder of a root: renamed first, so that what an interruption leaves is no half of a run.

    Another process may remove the same folder at the same time. Nothing is made, as a disk may be full.

    Raises:
        StoreError: The disk refuses.
    """
    trash = root / f"{TRASH}{secrets.token_hex(8)}"
    try:
        path.rename(trash)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"removing {path}", *explain_refusal(error, UNREMOVED)) from error
    disk.sync_folder(root)
    remove_tree(trash)


def trash_of(root: Path) -> list[Path]:
    """Return what removals that were interrupted, or are at work, have left of a root's folders."""
    return sorted(root.glob(f"{TRASH}*"))


def remove_tree(path: Path) -> None:
    """Remove a folder or a file that no command lists, though another process may remove it too.

    Raises:
        StoreError: The disk refuses.
    """
    while os.path.lexists(path):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"removing {path}", *explain_refusal(error, UNREMOVED)) from error
