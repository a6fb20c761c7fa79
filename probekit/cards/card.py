"""A card is what a store says of structures and properties, side by side, every number of it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.certify import Certificate
from probekit.evidence.compare import Difference
from probekit.evidence.verdict import Verdict, said
from probekit.plain import plain, table
from probekit.scores.interval import Interval
from probekit.storage.along import Along
from probekit.storage.result import Environment


class Score(BaseModel):
    """A mean over seeds of a metric.

    interval: 95 % of the mean; place: where the mean lies from the column's floor (0) to perfect (1);
    reach: the interval's places, lowest first, of the headline those of one that holds the noise between
    seeds, where that is known; train: the mean on the training items, trained: its place; harder: the mean on
    the items that go beyond training; published: the paper's number.
    """

    model_config = ConfigDict(frozen=True)

    mean: float | None
    interval: Interval | None = None
    place: float | None = None
    reach: tuple[float, float] | None = None
    floor: float | None = None
    perfect: float | None = None
    train: float | None = None
    trained: float | None = None
    harder: float | None = None
    published: float | None = None


class Run(BaseModel):
    """One seed: its folder in the store, and what makes it found and made again.

    score: in the headline metric; place, trained: where it lies on the test items, and on those of training.
    unscored: why a metric has no score, or something beside the scores was not found, by name. caution: why
    the stored network is not the one that was scored, or the run does not repeat itself; or "".
    """

    model_config = ConfigDict(frozen=True)

    seed: int
    status: Literal["done", "failed"]
    folder: str
    identity: str
    weights: str
    score: float | None
    place: float | None = None
    trained: float | None = None
    error: str
    spike: float | None = None
    unscored: dict[str, str] = {}
    caution: str = ""
    environment: Environment


class Cell(BaseModel):
    """One structure on one probe at one scale.

    scores: by metric, the headline first. standing: to the best mean of the column, "" where it is alone;
    difference: from it, seed by seed. flops: of one item's forward pass; seconds: of training, mean over
    seeds. width_wished: the scale's, where it is another. measured: properties measured, not learned. along:
    scores along the probe's axis, mean over seeds; its intervals are over seeds where there are several.
    """

    model_config = ConfigDict(frozen=True)

    structure: str
    resolved: str
    scores: dict[str, Score]
    verdict: Verdict
    standing: str = ""
    difference: Difference | None = None
    parameters: int
    width: int | None
    width_wished: int | None = None
    budget_gap: float | None
    flops: int | None
    seconds: float | None
    measured: dict[str, float]
    along: Along | None = None
    runs: tuple[Run, ...]

    @property
    def done(self) -> tuple[Run, ...]:
        """The seeds that were scored."""
        return tuple(run for run in self.runs if run.status == "done")

    @property
    def failed(self) -> tuple[Run, ...]:
        """The seeds that failed."""
        return tuple(run for run in self.runs if run.status == "failed")

    @property
    def headline(self) -> Score:
        """The first metric's score."""
        return next(iter(self.scores.values()))


class Line(BaseModel):
    """A control: its score in the headline metric and its place; 0 or below, as the best is the floor."""

    model_config = ConfigDict(frozen=True)

    name: str
    mean: float
    place: float


class Column(BaseModel):
    """A probe with its parameters, version, source and scale: what may be compared.

    probe: as asked; resolved: with all its parameters. decides: whether the scale can tell anything. better,
    perfect, floor, noise: of the headline metric, perfect None where no number is; controls: all of them,
    floor: the best; of closed-form ones means over the seeds counted; ceiling: what the best of solvers
    expects, None where nothing must be guessed; cautions: what must be known of these, as that runs disagree,
    or that a budget left a structure few channels; noise: measured between seeds, None where it was not.
    harder: how the items of that split go beyond those of training, "" where there is none. tags: words of
    theory for what it takes. thresholds: the places from which a structure has the property, and partly.
    rebuild: the commands that run it all again.
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
    harder: str = ""
    tags: tuple[str, ...] = ()
    thresholds: tuple[float, float]
    controls: tuple[Line, ...]
    certificate: Certificate | None
    cells: tuple[Cell, ...]
    rebuild: tuple[str, ...]

    def cell(self, structure: str) -> Cell | None:
        """Return the cell of a structure, None where it was not run."""
        return next((cell for cell in self.cells if cell.structure == structure), None)


class Card(BaseModel):
    """Structures x properties.

    structures: what each is made of, by name. missing: what was asked for and no run is of. left_out: a line
    for each run or certificate that could not be counted.
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
        """A line for all that was asked for or stored, and is not on the card."""
        return (*(f"{text}: no run of it is stored" for text in self.missing), *self.left_out)

    def __repr__(self) -> str:
        """Say it in a line; `model_dump()` says all of it."""
        titles = ", ".join(one.title for one in self.columns)
        return plain(f"<Card: {', '.join(self.structures)} on {titles}>")

    __str__ = __repr__

    def _repr_html_(self) -> str:
        heads = ["structure", *(f"{column.property}: {column.title}" for column in self.columns)]
        rows = [
            [name, *(self.said(column.cell(name)) for column in self.columns)] for name in self.structures
        ]
        return table("Report card", heads, rows, [f"left out: {line}" for line in self.omissions])

    def sentence(self, structure: str) -> str:
        """Say in one sentence what a structure has and has not, once what is said of several properties."""
        parts: dict[str, list[str]] = {}
        for column in self.columns:
            if (cell := column.cell(structure)) is None:
                continue
            score = cell.headline
            firm = cell.verdict.word not in ("undecided", "not measured")
            ends = ""
            if score.reach is not None and round(score.reach[1], 2) >= 0:  # below the floor one word says all
                ends = f", {said(score.reach[0])} to {said(score.reach[1])}"
            aside = f" ({said(score.place)}{ends})" if firm else f" at {column.scale}"
            parts.setdefault(f"{cell.verdict.word}{aside}", []).append(column.property)
        clauses = (f"{', '.join(of)}: {what}" for what, of in parts.items())
        return f"{structure}: {'; '.join(clauses)}."

    def said(self, cell: Cell | None) -> str:
        """Return a cell in a line: its place and its verdict."""
        if cell is None:
            return "not measured"
        return f"{said(cell.headline.place)}: {cell.verdict}"
