"""Merging a file of rows into a store: rows that are not counted are reported, each in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from probekit.terminal.messages import print_error, print_info

if TYPE_CHECKING:
    from probekit.storage.maintenance.merge import Fate
    from probekit.storage.store import Store


def merge_rows_aloud(store: Store, path: Path) -> tuple[list[tuple[str, Fate, str]], list[str]]:
    """Write the runs of a file of rows into a store as `merge_rows_file` does; print what is left out."""
    from probekit.rows.transfer import merge_rows_file

    merged, left_out = merge_rows_file(store, path)
    for line in left_out:
        print_error(f"not counted: {line}.")
    return merged, left_out


def count_rows(store: Store, path: Path) -> None:
    """Write the runs of a study's file of rows into a store, so that they count as done."""
    merged, _ = merge_rows_aloud(store, path)
    print_info(f"{path.name}: {len(merged)} runs count as done.")
