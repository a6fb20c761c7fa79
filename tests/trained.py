"""Runs that are trained once for many tests, and laid into stores as copies."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import stores

from probekit.storage.folder import Folder
from probekit.storage.maintenance.merge import merge_stores
from probekit.storage.store import Store


@functools.cache
def trained(structures: tuple[str, ...]) -> Path:
    """Return a store with one run of each structure, trained once for all tests of a process."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return stores.real(folder, structures).root


def lay(store: Path, structures: tuple[str, ...]) -> None:
    """Lay a run of each structure into a store."""
    shutil.copytree(trained(structures), store, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))


def fates(into: Path, other: Path) -> Counter[str]:
    """Merge a store into another; count what came of its runs."""
    return Counter(fate for _, fate, _ in merge_stores(Store(into), Store(other)))


def only(store: Path) -> Folder:
    """Return the one folder of a store."""
    (folder,) = Store(store).list_folders()
    return folder
