"""`probekit compare` compares two structures over seeds, over test items and case by case."""

from __future__ import annotations

from typing import Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.options import HtmlOption, MarkdownOption, StoreOption
from probekit.cli.table import print_json, print_tables, write_tables


def compare_structures(
    first: Annotated[str, typer.Argument(metavar="A", help="A structure, for example unet.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another structure, for example unet+lambda.")],
    probe: Annotated[
        str, typer.Option(metavar="PROBE", help="Probe, for example nonlocality or nonlocality(size=64).")
    ],
    scale: Annotated[
        str, typer.Option(help="Scale of the probe, for example smoke, quick or paper.")
    ] = "quick",
    store: StoreOption = None,
    html: HtmlOption = None,
    md: MarkdownOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all cases.")] = False,
) -> None:
    """Compare stored runs of two structures on one probe, by seed and by test item.

    A test item counts as solved if its mean score over the shared seeds reaches the threshold of the verdict
    "has it".

    Example: probekit compare unet unet+lambda --probe nonlocality
    """
    from probekit.cards.comparison_tables import contrast_tables
    from probekit.cards.contrast import contrast_structures
    from probekit.storage.store import Store

    comparison = contrast_structures(Store(store), registry(), first, second, probe, scale)
    texts = list(contrast_tables(comparison))
    write_tables(f"{first} and {second} on {probe}", comparison.standing, texts, html, md)
    if as_json:
        print_json(comparison.model_dump(mode="json"))
    elif html is None and md is None:
        print_tables(texts)
