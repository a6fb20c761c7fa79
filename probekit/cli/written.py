"""Tables are written to files, as a page or as Markdown; `-` is standard output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.cli.messages import write

if TYPE_CHECKING:
    from probekit.cards.tables import Table


def write_tables(title: str, about: str, tables: Sequence[Table], html: Path | None, md: Path | None) -> None:
    """Write tables where asked; title, about: of the page."""
    if html is not None:
        from probekit.pages.page import report

        write(html, report(title, about, tables))
    if md is not None:
        from probekit.cards.markdown import in_markdown

        write(md, in_markdown(tables))
