"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def parse_store(text: str) -> Path:
    """Return the path of a store as typed.

    Raises:
        UsageError: the text cannot be a path, for example because it is empty.
    """
    from probekit.storage.root import check_root

    return check_root(text)


StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        parser=parse_store,
        help="Folder of stored runs.  [default: $PROBEKIT_HOME or ./probekit-runs]",
    ),
]
DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help="Device to run on: cpu, cuda or mps.  [default: the fastest available]"),
]
ExecutorOption = Annotated[
    str | None,
    typer.Option("--executor", help="Where jobs run, for example slurm(cpus=4).  [default: this machine]"),
]
JobsOption = Annotated[
    str | None,
    typer.Option(
        "--jobs", "-j", metavar="N", help="Runs at the same time.  [default: auto, one per core or GPU]"
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", min=1, help="CPU threads of each run.  [default: $OMP_NUM_THREADS or 1]"
    ),
]
UntilDecidedOption = Annotated[
    bool,
    typer.Option("--until-decided", help="Add seeds where needed, up to ten, until each verdict is decided."),
]
MinutesOption = Annotated[
    float | None,
    typer.Option("--minutes", metavar="M", min=0, help="With --until-decided: time limit of the command."),
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML page to FILE.")
]
MarkdownOption = Annotated[
    Path | None, typer.Option("--md", metavar="FILE", help="Write Markdown to FILE; - is stdout.")
]
