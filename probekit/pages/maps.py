"""Pictures of measured maps: receptive fields and equivariance errors by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probekit.cards.cell import Cell
from probekit.evidence.verdict import EXACT
from probekit.pages.plots import Panel, render_heatmap, render_log_heatmap
from probekit.plugin.errors import StoreError
from probekit.storage.folder import MEASURED, Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor

MAX_NUMBERS = 1 << 22
"""Largest map that is drawn."""
FIELD, EQUIVARIANCE = "receptive_field", "equivariance"
RADIUS, ERROR = "receptive_radius", "equivariance_error"


@dataclass(frozen=True, slots=True)
class Maps:
    """Maps of one kind, one panel per structure, with notes for readers."""

    title: str
    notes: tuple[str, ...]
    panels: tuple[Panel, ...]


def draw_maps(cells: Sequence[Cell], store: Store, missing: list[str]) -> list[Maps]:
    """Draw the measured maps of the first seed of each structure.

    Args:
        cells: The structures.
        store: Where their runs lie.
        missing: Receives a line for each structure whose maps cannot be drawn.
    """
    stored = [(cell, read_maps(store, cell, missing)) for cell in cells]
    kinds = [draw_receptive_fields(stored), draw_equivariance(stored)]
    return [kind for kind in kinds if kind.panels or len(kind.notes) > 1]


def draw_receptive_fields(stored: Sequence[tuple[Cell, dict[str, Tensor]]]) -> Maps:
    """Return the receptive fields, each with its own colour scale."""
    panels = [
        make_panel(
            cell,
            render_heatmap(values, float(values.nan_to_num().max())),
            "Receptive field",
            format_number(cell.measured.get(RADIUS), "90 % of the influence within {:.1f} positions"),
        )
        for cell, by_name in stored
        if (values := by_name.get(FIELD)) is not None
    ]
    note = "How much each input position influences the central output. Light is much."
    return Maps("Effective receptive field", (note,), tuple(panels))


def draw_equivariance(stored: Sequence[tuple[Cell, dict[str, Tensor]]]) -> Maps:
    """Return the equivariance errors, on one colour scale for all cards; exact ones are listed in words."""
    panels, exact = [], []
    for cell, by_name in stored:
        error = cell.measured.get(ERROR)
        if error is not None and error < EXACT:
            exact.append(cell.structure)
        elif (values := by_name.get(EQUIVARIANCE)) is not None:
            text = format_number(error, "error {:.2g} of the output's standard deviation")
            panels.append(
                make_panel(cell, render_log_heatmap(values, EXACT, 1.0), "Equivariance error", text)
            )
    note = (
        "How far the output of a moved input is from the moved output, by position, on a logarithmic scale: "
        "dark is at most a millionth of the output's standard deviation, light is all of it."
    )
    list_of_exact = (f"Exactly equivariant (error below 1e-6), not drawn: {', '.join(exact)}.",)
    return Maps("Equivariance error", (note, *(list_of_exact if exact else ())), tuple(panels))


def make_panel(cell: Cell, source: str, kind: str, text: str) -> Panel:
    """Return a structure's map with its caption."""
    return Panel(source, f"{cell.structure}: {text}", f"{kind} of {cell.structure}: {text}")


def format_number(value: float | None, text: str) -> str:
    """Return text with a measured number in it, "" without one."""
    return "" if value is None else text.format(value)


def read_maps(store: Store, cell: Cell, missing: list[str]) -> dict[str, Tensor]:
    """Return the measured maps of a structure's first seed by name; add a line to `missing` if corrupt."""
    if not cell.done:
        return {}
    folder = Folder(store.root / cell.done[0].folder)
    try:
        result = folder.read_result()
        by_name = folder.read_tensors(MEASURED, result)[0] if MEASURED in result.files else {}
    except StoreError as error:
        missing.append(f"The measured maps of {cell.structure} are not drawn: {error.problem}.")
        return {}
    return {
        name: values
        for name, values in by_name.items()
        if 0 < values.ndim < 3 and values.numel() <= MAX_NUMBERS
    }
