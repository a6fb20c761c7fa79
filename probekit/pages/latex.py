"""LaTeX of a card: its structures by properties as a table for a paper."""

from __future__ import annotations

from collections.abc import Sequence

from probekit.cards.card import Card
from probekit.cards.tables import matrix_table
from probekit.plain import make_plain

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
}
"""Characters that LaTeX would read as commands, or that its text fonts lack."""


def card_to_latex(card: Card) -> str:
    """Return the first table of a card, structures by properties, in the style of the package booktabs.

    Every text is escaped, so that names of plugins are text and never commands.
    """
    table = matrix_table(card)
    commands = [column.rebuild for column in card.columns]
    lines = [
        f"% made by probekit {escape_latex(card.probekit)}; needs \\usepackage{{booktabs}}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape_latex(table.title)}: verdicts with normalised scores (0\% is the best baseline "
        r"without the property, 100\% a perfect answer).}",
        rf"\begin{{tabular}}{{{'l' * len(table.heads)}}}",
        r"\toprule",
        format_row(table.heads),
        r"\midrule",
        *map(format_row, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    lines += [f"% {make_plain(command)}" for column in commands for command in column]
    return "\n".join(lines) + "\n"


def format_row(cells: Sequence[str]) -> str:
    """Return a row of a LaTeX table."""
    return " & ".join(map(escape_latex, cells)) + r" \\"


def escape_latex(text: str) -> str:
    """Return text that LaTeX prints literally."""
    return "".join(SPECIAL.get(character, character) for character in make_plain(text))
