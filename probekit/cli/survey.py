"""`probekit survey` shows the survey of layers that is shipped with probekit."""

from __future__ import annotations

from typing import Annotated

import typer

from probekit.cli.options import HtmlOption
from probekit.cli.table import print_table
from probekit.terminal.messages import print_output, write_file

HEADS = ("structure", "property", "verdict", "normalised", "seeds", "probe", "version")


def show_survey(
    html: HtmlOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Show the survey that is shipped with probekit: which layer has which property, and at what cost.

    With --html, the page is a heat map; a click on a cell shows its seeds, its interval and its recipe.

    Example: probekit survey --html survey.html
    """
    from probekit.catalog.registry import registry
    from probekit.rows.heat_map import render_survey
    from probekit.rows.layer_summary import format_normalised
    from probekit.rows.layers import ROWS, encode_survey, read_survey
    from probekit.rows.rows_file import read_all_rows
    from probekit.rows.versions import describe_version, find_probe

    lines = read_survey()
    if html is not None:
        write_file(html, render_survey(read_all_rows(ROWS)[0], registry(), former=lines))
    if as_csv:
        print_output(encode_survey(lines).rstrip("\n"))
    elif html is None:
        probes = {line.probe: find_probe(line.probe, registry()) for line in lines}
        rows = [
            (
                *(line.structure, line.property, line.verdict, format_normalised(line), str(line.seeds)),
                *(f"{line.probe}, {line.scale}", describe_version(line.version, probes[line.probe])),
            )
            for line in lines
        ]
        print_table("Survey of layers", HEADS, rows)
