"""Options are what several commands take in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def store_named(text: str) -> Path:
    """Return the place of a store as it is typed; raises UsageError where it is none, as an empty text."""
    from probekit.storage.root import checked_root

    return checked_root(text)


Kept = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", parser=store_named, help="[default: $PROBEKIT_HOME or ./probekit-runs]"
    ),
]
Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda or mps.  [default: the fastest there is]")
]
Executed = Annotated[
    str | None,
    typer.Option("--executor", help="Who carries out runs, as slurm(...).  [default: this machine]"),
]
Jobs = Annotated[
    str | None,
    typer.Option("--jobs", "-j", metavar="N", help="Runs at once.  [default: auto, all cores or GPUs]"),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, help="Of each run.  [default: $OMP_NUM_THREADS or 1]"),
]
Page = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page.")]
Markdown = Annotated[Path | None, typer.Option("--md", metavar="FILE", help="Write Markdown.")]
