"""A card holds every number that a store has about structures and properties, side by side."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from probekit.evidence.certify import Certificate
from probekit.evidence.compare import Difference
from probekit.evidence.deciding.next_step import NextStep
from probekit.evidence.estimate import Estimate
from probekit.evidence.verdict import Verdict, format_normalized
from probekit.plain import make_plain, render_html_table
from probekit.scores.interval import Interval
from probekit.storage.difficulty_curve import DifficultyCurve
from probekit.storage.result import Environment


class Score(BaseModel):
    """One metric of one structure, averaged over seeds.

    Attributes:
        mean: Mean over seeds, on the test items.
        interval: 95 % interval of the mean, with the noise between seeds, if known, and between test items.
        place: The mean, normalised: 0 is the floor, 1 is perfect.
        reach: The interval, normalised, lowest end first, with the error of the floor: what is judged.
        train: Mean on the training items.
        trained: The same, normalised.
        harder: Mean on the extrapolation split.
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
    """One seed of one structure.

    Attributes:
        score: Headline score on the test items; `place` is the same, normalised.
        trained: Normalised headline score on the training items.
        spike: To what multiple of its first value the loss rose for good, None if it did not.
        unscored: Why a metric or a diagnostic is missing, by name.
        caution: Why the stored network is not the one that was scored, or why the run does not repeat, or "".
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

    Attributes:
        structure: The row's label.
        resolved: The structure's canonical text.
        scores: By metric, the headline first.
        next_step: What would decide the verdict, None if it is decided.
        standing: Comparison with the best mean of the column, "" without a rival.
        difference: Difference from the best mean.
        estimate: The mean headline score and its error, None if unknown or if seeds fall in two groups.
        width: None if it is fixed.
        width_wished: The scale's width, if another one was used.
        budget_gap: Relative distance from the parameter budget.
        flops: Of one item's forward pass.
        seconds: Of training, mean over seeds.
        along: Difficulty curve, mean over seeds; intervals are over seeds if there are several.
        remarks: How it was measured, and what its layers amount to at their size, a sentence each.
    """

    model_config = ConfigDict(frozen=True)

    structure: str
    resolved: str
    scores: dict[str, Score]
    verdict: Verdict
    next_step: NextStep | None = None
    standing: str = ""
    difference: Difference | None = None
    estimate: Estimate | None = None
    parameters: int
    width: int | None
    width_wished: int | None = None
    budget_gap: float | None
    flops: int | None
    seconds: float | None
    measured: dict[str, float]
    along: DifficultyCurve | None = None
    remarks: tuple[str, ...] = ()
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


class ControlScore(BaseModel):
    """A control: its headline score, and that score normalised."""

    model_config = ConfigDict(frozen=True)

    name: str
    mean: float
    place: float


class Column(BaseModel):
    """One probe with its parameters, version, code and scale: what may be compared.

    Attributes:
        probe: As requested.
        resolved: With all its parameters.
        decides: Whether the scale can decide anything.
        metric: The headline metric, which `better`, `perfect`, `floor`, `ceiling` and `noise` belong to.
        perfect: None if no number is perfect.
        floor: Score of the best control.
        ceiling: What the best possible solver expects, None if nothing must be guessed.
        cautions: Warnings for readers.
        noise: Measured standard deviation between seeds, None if it was not measured.
        noise_structures: On how many structures the noise is fitted as a function of the score.
        tags: What the probe needs, in words of theory.
        thresholds: Normalised scores from which a structure has the property, and has it partly.
        controls: All controls; scores of closed-form ones are means over the seeds.
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
        structures: A description of each structure, by label.
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

    def summarize_cell(self, cell: Cell | None) -> str:
        """Return a cell in one line: its normalised score and its verdict."""
        if cell is None:
            return "not measured"
        return f"{format_normalized(cell.headline.place)}: {cell.verdict}"
