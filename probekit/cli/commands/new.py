"""`probekit new` creates a plugin package from a template."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probekit.catalog.registry import registry
from probekit.terminal.messages import print_output


def create_plugin(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="One of layer, combinator, structure, encoding, probe, trainer, optimiser, metric, "
            "scale, control, executor, observer.",
        ),
    ],
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Lowercase words joined by hyphens, for example swirl.")
    ],
    into: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder in which to create the package.")
    ] = Path(),
) -> None:
    """Create the plugin package probekit-NAME, with a working component and a test.

    Then edit the component; the package is ready to install and passes its test from the start. Existing
    files are never overwritten.

    Example: probekit new layer swirl
    """
    from probekit.authors.scaffold import create_package, describe_run

    folder = create_package(kind, name, into, registry())
    print_output(f"Created {folder}. Edit {next(folder.glob(f'*/{kind}.py'))}, then run:")
    print_output(f"  pip install -e {folder}")
    print_output(f"  pytest {folder}")
    print_output(f"  {describe_run(kind, name)}")
