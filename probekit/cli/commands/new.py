"""`probekit new` writes a package with a component of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import tell


def new(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="layer, structure, encoding, probe, trainer.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case words joined by hyphens.")],
    into: Annotated[Path, typer.Option(metavar="DIR", help="Where the folder is made.")] = Path(),
) -> None:
    """Write the package probekit-NAME: it installs, is listed, runs and passes its own tests as it is.

    Change the one module in it that says what your component does. Nothing is overwritten.

    Example: probekit new layer swirl
    """
    from probekit.authors.scaffold import RUN
    from probekit.authors.scaffold import new as write

    folder = write(kind, name, into, registry())
    tell(f"{folder} works as it is: change {next(folder.glob(f'*/{kind}.py'))}. Then:")
    tell(f"  pip install -e {folder}")
    tell(f"  pytest {folder}")
    tell(f"  {RUN[kind].format(name=name)}")
