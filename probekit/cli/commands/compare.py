"""`probekit compare` shows where two structures differ: over seeds, over test items, case by case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from probekit.catalog.registry import registry
from probekit.cli.messages import tell
from probekit.cli.table import print_json, print_table

if TYPE_CHECKING:
    from probekit.cards.contrast import Contrast

CASES = 10


def compare(
    one: Annotated[str, typer.Argument(metavar="A", help="A structure, as unet.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another, as unet+lambda.")],
    probe: Annotated[str, typer.Option(metavar="PROBE", help="As nonlocality or nonlocality(size=64).")],
    scale: Annotated[str, typer.Option(help="One of the probe's scales.")] = "quick",
    store: Annotated[
        Path | None, typer.Option(metavar="DIR", help="[default: $PROBEKIT_HOME or ./probekit-runs]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all cases.")] = False,
) -> None:
    """Compare two structures on a probe from the store, seed by seed and test item by test item.

    Solved is a test item whose score, mean over the seeds that both have, reaches the place from which a
    structure has the property.

    Example: probekit compare unet unet+lambda --probe nonlocality
    """
    from probekit.cards.contrast import contrast
    from probekit.storage.store import Store

    found = contrast(Store(store), registry(), one, other, probe, scale)
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        print_contrast(found)


def print_contrast(found: Contrast) -> None:
    """Print the differences, then the cases that one solves and the other does not."""
    from probekit.cards.words import NOTHING, margin_ends, number

    def said(value: float | None) -> str:
        return NOTHING if value is None else f"{value:.3g}"

    rows = []
    for over, gap in (("seeds", found.seeds), ("test items", found.items)):
        ends = margin_ends(gap.interval.low, gap.interval.high) if gap.interval else NOTHING
        count = gap.interval.count if gap.interval else gap.seeds
        p = "< 0.0001" if gap.p is not None and gap.p < 1e-4 else said(gap.p)
        rows.append([over, f"{count:,}", f"{gap.mean:+.4f}", ends, p, said(gap.effect)])
    means = f"{found.one} {number(found.means[0])}, {found.other} {number(found.means[1])}"
    print_table(
        f"{found.metric} on {found.probe}, scale {found.scale} ({found.better} is better): {means}",
        [f"{found.one} minus {found.other}, over", "count", "mean", "95 %", "p", "effect size"],
        rows,
    )
    tell(f"  {found.standing}")
    tell(f"  Floor of the {found.metric}: {number(found.floor)}.")
    for text in found.cautions:
        tell(f"  {text}")
    tell("  Student's paired t: over seeds; over items, of these networks alone.")
    tell("  The effect size is the mean difference over the standard deviation of the differences.")
    tell(f"  Test items solved by both: {found.both:,}; by neither: {found.neither:,}.\n")
    for name, cases in ((found.one, found.only_one), (found.other, found.only_other)):
        heads = ["test item", found.one, found.other]
        shown = [[str(case.item), number(case.one), number(case.other)] for case in cases[:CASES]]
        more = f", the {CASES} most divided" if len(cases) > CASES else ""
        title = f"solved by {name} alone: {len(cases):,} of {found.count:,}{more}"
        print_table(title, heads, shown) if shown else tell(f"{title}\n")
