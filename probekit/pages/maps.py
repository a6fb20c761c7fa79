"""Maps draw what was measured of networks by position: how far they look, where answers do not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from probekit.cards.card import Cell
from probekit.errors import StoreError
from probekit.evidence.verdict import EXACT
from probekit.pages.plots import Panel, decades, heat
from probekit.storage.folder import MEASURED, Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor

DRAWN = 1 << 22
"""Numbers of a map that a picture is made of, at the most."""
FIELD, MOVED = "receptive_field", "equivariance"
RADIUS, ERROR = "receptive_radius", "equivariance_error"


@dataclass(frozen=True, slots=True)
class Maps:
    """Maps of one kind, a panel a structure; notes: what must be known to read them."""

    title: str
    notes: tuple[str, ...]
    panels: tuple[Panel, ...]


def maps(cells: Sequence[Cell], store: Store, missing: list[str]) -> list[Maps]:
    """Draw what was measured of the first seed of each structure; what cannot be drawn is told in missing."""
    fields = [(cell, measured(store, cell, missing)) for cell in cells]
    found = [fields_of_view(fields), departures(fields)]
    return [one for one in found if one.panels or len(one.notes) > 1]


def fields_of_view(fields: Sequence[tuple[Cell, dict[str, Tensor]]]) -> Maps:
    """Return the receptive fields, each on a scale of its own."""
    panels = [
        panel(
            cell,
            heat(values, float(values.nan_to_num().max())),
            "Receptive field",
            said(cell.measured.get(RADIUS), "90 % of its influence within {:.1f} positions"),
        )
        for cell, of in fields
        if (values := of.get(FIELD)) is not None
    ]
    about = "How much each position of the input moves the middle of the output; light is much."
    return Maps("Effective receptive field", (about,), tuple(panels))


def departures(fields: Sequence[tuple[Cell, dict[str, Tensor]]]) -> Maps:
    """Return the departures from equivariance, all cards' on one scale; what is exact is said in words."""
    panels, exact = [], []
    for cell, of in fields:
        error = cell.measured.get(ERROR)
        if error is not None and error < EXACT:
            exact.append(cell.structure)
        elif (values := of.get(MOVED)) is not None:
            words = said(error, "error {:.2g} of the output's deviation")
            panels.append(panel(cell, decades(values, EXACT, 1.0), "Equivariance", words))
    about = (
        "How far the answer to a moved input is from the moved answer, by position, by powers of ten: "
        "dark from a millionth of the output's deviation, light from all of it."
    )
    rest = (f"Exact (below 1e-6), and not drawn: {', '.join(exact)}.",) if exact else ()
    return Maps("Departure from equivariance", (about, *rest), tuple(panels))


def panel(cell: Cell, source: str, what: str, words: str) -> Panel:
    """Return a structure's map with what stands under it."""
    return Panel(source, f"{cell.structure}: {words}", f"{what} of {cell.structure}: {words}")


def said(value: float | None, words: str) -> str:
    """Return a measured number in words, "" where it is not known."""
    return "" if value is None else words.format(value)


def measured(store: Store, cell: Cell, missing: list[str]) -> dict[str, Tensor]:
    """Return the measured maps of a structure's first seed; what cannot be drawn is told in missing."""
    if not cell.done:
        return {}
    folder = Folder(store.root / cell.done[0].folder)
    try:
        result = folder.read_result()
        found = folder.read_tensors(MEASURED, result)[0] if MEASURED in result.files else {}
    except StoreError as error:
        missing.append(f"What was measured of {cell.structure} is not drawn: {error.found}.")
        return {}
    return {name: values for name, values in found.items() if 0 < values.ndim < 3 and values.numel() <= DRAWN}
