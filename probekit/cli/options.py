"""Options that several commands share."""

from __future__ import annotations

import re
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


def parse_seed(text: str) -> int:
    """Return a seed as typed.

    Raises:
        UsageError: it is not one whole number.
    """
    return parse_whole_number("--seed", str(text))


def parse_seed_count(text: str) -> int:
    """Return a number of seeds as typed.

    Raises:
        UsageError: it is not one whole number, or there are no seeds.
    """
    from probekit.plugin.errors import UsageError

    count = parse_whole_number("--seeds", str(text))
    if count < 1:
        raise UsageError(f"--seeds {count}", "there is nothing to run", "Type --seeds 1 or more.")
    return count


def parse_whole_number(option: str, text: str) -> int:
    """Return a whole number as typed; raise UsageError if it is another text, such as a list of seeds."""
    from probekit.plugin.errors import UsageError

    try:
        return int(text)
    except ValueError:
        pass
    numbers = [int(number) for number in re.findall(r"\d{1,10}", text)]
    if re.fullmatch(r"[\s\d,;()\[\]]*\d[\s\d,;()\[\]]*", text):
        count = len(numbers)
        hint = f"For the seeds 0 to K - 1, type --seeds K, as --seeds {max(2, count)}."
        if sorted(numbers) != list(range(count)):
            hint += f" For others, type --seed {numbers[0]}, or put seeds = {numbers} into a study file."
        raise UsageError(f"{option} {text}", "a list cannot be typed here", hint)
    raise UsageError(f"{option} {text}", "it is not a whole number", f"Type {option} 3.")


StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        parser=parse_store,
        help="Folder of stored runs.  [default: $PROBEKIT_HOME or ./probekit-runs]",
    ),
]
SeedOption = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        parser=parse_seed,
        help="Seed of initial weights, batch order and training data.  [default: 0]",
    ),
]
SeedsOption = Annotated[
    int | None, typer.Option("--seeds", metavar="K", parser=parse_seed_count, help="Run seeds 0 to K - 1.")
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
