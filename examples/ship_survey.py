"""Make the shipped survey from runs: its rows without weights, and its table of verdicts.

python examples/ship_survey.py STORE...    # each a store, or an archive of one as in examples/results/runs

A line of the former table on an older version of a probe stays as it was judged, marked as old, until runs on
the installed version replace it.
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from probekit.catalog.registry import registry
from probekit.rows.layers import ROWS, TABLE, encode_survey, make_survey, read_survey
from probekit.rows.rows_file import write_rows
from probekit.rows.transfer import export_rows
from probekit.storage.store import Store


def main() -> None:
    """Write the rows and the table."""
    rows, left_out = [], []
    for source in map(Path, sys.argv[1:]):
        with TemporaryDirectory() as folder:
            if source.is_file():
                with tarfile.open(source) as archive:
                    archive.extractall(folder, filter="data")
            rows += export_rows(Store(folder if source.is_file() else source), left_out)
    size = write_rows(ROWS, rows)
    lines = make_survey(rows, registry(), former=read_survey())
    TABLE.write_text(encode_survey(lines), encoding="utf-8")
    print(f"{len(rows)} runs, {size / 1e6:.2f} MB; {len(left_out)} left out", *left_out, sep="\n")


if __name__ == "__main__":
    main()
