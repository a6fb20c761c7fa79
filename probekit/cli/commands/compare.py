"""`probekit compare` shows where two structures differ: over seeds, over test items, case by case."""

from __future__ import annotations

from typing import Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.options import Kept, Markdown, Page
from probekit.cli.table import print_json, print_tables


def compare(
    one: Annotated[str, typer.Argument(metavar="A", help="A structure, as unet.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another, as unet+lambda.")],
    probe: Annotated[str, typer.Option(metavar="PROBE", help="As nonlocality or nonlocality(size=64).")],
    scale: Annotated[str, typer.Option(help="One of the probe's scales.")] = "quick",
    store: Kept = None,
    html: Page = None,
    md: Markdown = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all cases.")] = False,
) -> None:
    """Compare two structures on a probe from the store, seed by seed and test item by test item.

    Solved is a test item whose score, mean over the seeds that both have, reaches the place from which a
    structure has the property.

    Example: probekit compare unet unet+lambda --probe nonlocality
    """
    from probekit.cards.contrast import contrast
    from probekit.cards.differences import tables
    from probekit.cli.written import write_tables
    from probekit.storage.store import Store

    found = contrast(Store(store), registry(), one, other, probe, scale)
    texts = list(tables(found))
    write_tables(f"{one} and {other} on {probe}", found.standing, texts, html, md)
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif html is None and md is None:
        print_tables(texts)
