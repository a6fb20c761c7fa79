"""A card holds every number that a store has about structures and properties, side by side."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.cards.cell import Cell
from probekit.evidence.certify import Certificate
from probekit.evidence.verdict import format_normalized
from probekit.evidence.words import Word
from probekit.plain import make_plain, render_html_table


class ControlScore(BaseModel):
    """A control: a solver that lacks the property.

    Attributes:
        name: The control's name.
        mean: Headline score.
        place: The same, normalised.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    mean: float
    place: float


class Column(BaseModel):
    """One probe with its parameters, version, code and scale: what may be compared.

    Attributes:
        title: Probe and scale, as the head of the column.
        property: The property that the probe tests.
        about: What the probe is, a sentence.
        probe: As requested.
        resolved: With all its parameters.
        version: The version of the probe.
        scale: The scale of all its runs.
        scale_about: What the scale is, a sentence.
        decides: Whether the scale can decide anything.
        metric: The headline metric, which `better`, `perfect`, `floor`, `ceiling` and `noise` belong to.
        metric_about: What the headline metric measures.
        better: Which scores are better.
        perfect: None if no number is perfect.
        floor: Score of the best control.
        ceiling: What the best possible solver expects, None if nothing must be guessed.
        cautions: Warnings for readers.
        noise: Measured standard deviation between seeds, None if it was not measured.
        noise_structures: On how many structures the noise is fitted as a function of the score.
        harder: What the extrapolation split is, or "".
        tags: What the probe needs, in words of theory.
        thresholds: Normalised scores from which a structure has the property, and has it partly.
        controls: All controls; scores of closed-form ones are means over the seeds.
        certificate: The evidence that the probe is sound at this scale, None if none is installed.
        cells: One per structure.
        rebuild: Commands that run everything again.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    property: str
    about: str
    probe: str
    resolved: str
    version: str
    scale: str
    scale_about: str
    decides: bool = True
    metric: str
    metric_about: str
    better: Literal["higher", "lower"]
    perfect: float | None
    floor: float | None
    ceiling: float | None
    cautions: tuple[str, ...] = ()
    noise: float | None
    noise_structures: int = 0
    harder: str = ""
    tags: tuple[str, ...] = ()
    thresholds: tuple[float, float]
    controls: tuple[ControlScore, ...]
    certificate: Certificate | None
    cells: tuple[Cell, ...]
    rebuild: tuple[str, ...]

    def cell(self, structure: str) -> Cell | None:
        """Return the cell of a structure, None if it was not run."""
        return next((cell for cell in self.cells if cell.structure == structure), None)


class Card(BaseModel):
    """A report card: structures by properties.

    Attributes:
        probekit: The version that made the card.
        command: What was typed to make it.
        structures: A description of each structure, by label.
        columns: One per probe, version and scale.
        missing: What was requested and has no run.
        left_out: A line for each run or certificate that is not counted.
    """

    model_config = ConfigDict(frozen=True)

    probekit: str
    command: str
    structures: dict[str, str]
    columns: tuple[Column, ...]
    missing: tuple[str, ...] = ()
    left_out: tuple[str, ...]

    @property
    def omissions(self) -> tuple[str, ...]:
        """Everything that was requested or stored and is not on the card, a line each."""
        return (*(f"{text}: no run of it is stored" for text in self.missing), *self.left_out)

    def __repr__(self) -> str:
        """Return a summary in one line; `model_dump()` returns all of it."""
        titles = ", ".join(column.title for column in self.columns)
        return make_plain(f"<Card: {', '.join(self.structures)} on {titles}>")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        heads = ["structure", *(f"{column.property}: {column.title}" for column in self.columns)]
        rows = [
            [name, *(self.summarize_cell(column.cell(name)) for column in self.columns)]
            for name in self.structures
        ]
        return render_html_table("Report card", heads, rows, [f"left out: {line}" for line in self.omissions])

    def describe_structure(self, structure: str) -> str:
        """Return one sentence about a structure; properties with the same verdict share a clause."""
        clauses: dict[str, list[str]] = {}
        for column in self.columns:
            if (cell := column.cell(structure)) is None:
                continue
            score = cell.headline
            has_numbers = cell.verdict.word not in (Word.UNDECIDED, Word.UNMEASURED)
            ends = ""
            if score.reach is not None and round(score.reach[1], 2) >= 0:  # else it is all below the floor
                ends = f", {format_normalized(score.reach[0])} to {format_normalized(score.reach[1])}"
            detail = f" ({format_normalized(score.place)}{ends})" if has_numbers else f" at {column.scale}"
            clauses.setdefault(f"{cell.verdict.text}{detail}", []).append(column.property)
        parts = (f"{', '.join(properties)}: {verdict}" for verdict, properties in clauses.items())
        return f"{structure}: {'; '.join(parts)}."

    def summarize_cell(self, cell: Cell | None) -> str:
        """Return a cell in one line: its normalised score and its verdict."""
        if cell is None:
            return "not measured"
        return f"{format_normalized(cell.headline.place)}: {cell.verdict}"
