"""A root is a store's top folder: which entries may be runs, and how folders are locked and removed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from probekit.plans.plan import Plan
from probekit.plugin.errors import StoreError, UsageError, explain_os_error
from probekit.storage import disk

MERGING, TRASH = ".merging", ".trash-"
"""The folder of runs that are being copied into a root, and the prefix of folders that are being removed."""
REMOVAL_HINT = "Type `probekit store verify`, and check who may write there."
STORE_HINT = "Name another folder with --store DIR."
OLD_NAME = re.compile(r"-([0-9a-f]{12})(?:-\d+)?$")
"""How a folder's name ends in probekit 0.1."""


def is_listed(name: str) -> bool:
    """Return whether an entry of a root may be a run: entries that are set aside have hidden names."""
    return not name.startswith(".")


def list_names(root: Path) -> list[str]:
    """Return the names in a root that may be runs, in order; none if there is no root.

    Raises:
        StoreError: The root cannot be read.
    """
    try:
        return sorted(name for name in os.listdir(root) if is_listed(name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise explain_root_error(root, error) from error


def check_root(root: Path | str) -> Path:
    """Return the path of a store that the user named.

    Raises:
        UsageError: The text is empty or no path can hold it.
    """
    text = str(root)
    if not text.strip() or "\0" in text:
        problem = "it is empty" if not text.strip() else "a path cannot hold a zero byte"
        raise UsageError(f"the store {text!r}", problem, "Name a folder, as probekit-runs, or leave it out.")
    return Path(root)


def find_rerun_number(name: str, plan: Plan) -> int | None:
    """Return a folder's number among its plan's reruns, from 0; None if it is of another plan.

    Folders of probekit 0.1 end in digits that were computed differently; any are accepted.
    """
    old = any(used.source for used in plan.components) and OLD_NAME.search(name)
    return parse_rerun_number(name, old.group(1) if old else plan.identity[:12])


def parse_rerun_number(name: str, ending: str) -> int | None:
    """Return a folder's number among its plan's reruns, from 0; None if it is of another plan.

    Args:
        name: The folder's name; in all but the first rerun, a number from 2 follows the ending.
        ending: The identity's first digits.
    """
    _, separator, number = f"-{name}".rpartition(f"-{ending}")
    if not separator or number == "":
        return 0 if separator else None
    is_numbered = number.startswith("-") and number[1:].isdecimal() and str(int(number[1:])) == number[1:]
    return int(number[1:]) - 1 if is_numbered and int(number[1:]) > 1 else None


@contextlib.contextmanager
def lock_root(root: Path) -> Iterator[None]:
    """Lock a root while a folder in it is looked up and made, which takes no time.

    Some network disks cannot lock folders; there, nothing is locked.

    Raises:
        StoreError: The root cannot be opened.
    """
    try:
        descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise explain_root_error(root, error) from error
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def explain_root_error(root: Path, error: OSError) -> StoreError:
    """Return the error that explains why a root cannot be read or written."""
    problem, hint = explain_os_error(error, STORE_HINT)
    if os.path.isfile(root):
        problem = "there is a file of that name"
    elif error.errno == errno.ENAMETOOLONG:
        hint = f"{hint} {STORE_HINT}"
    return StoreError(f"storing runs in {root}", problem, hint)


def discard_folder(path: Path, root: Path) -> None:
    """Remove a folder of a root; it is renamed first, so that an interruption leaves no half a run.

    Another process may remove the same folder at the same time. Nothing is created: the disk may be full.

    Raises:
        StoreError: The disk refuses.
    """
    trash = root / f"{TRASH}{secrets.token_hex(8)}"
    try:
        path.rename(trash)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(f"removing {path}", *explain_os_error(error, REMOVAL_HINT)) from error
    disk.sync_folder(root)
    remove_tree(trash)


def list_trash(root: Path) -> list[Path]:
    """Return the folders in a root whose removal was interrupted or is under way."""
    return sorted(root.glob(f"{TRASH}*"))


def remove_tree(path: Path) -> None:
    """Remove a file or a folder that no command lists, though another process may remove it too.

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
            raise StoreError(f"removing {path}", *explain_os_error(error, REMOVAL_HINT)) from error
