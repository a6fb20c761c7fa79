"""The values that a probe declares: shape, metrics, scales and the published results to reproduce."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from probekit.renamed import rename_fields

if TYPE_CHECKING:
    from torch import Tensor

StandardSplit = Literal["train", "validation", "test"]
Split = Literal[StandardSplit, "harder"]
Symmetry = Literal["shift", "permutation", "turn"]
Value = str | int | float | bool | None
"""The value of a parameter."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a network's input and output.

    Args:
        inputs: the number of input channels.
        outputs: the number of output channels.
        size: (length,) in 1-D, (height, width) in 2-D.
        pooled: whether an item has one answer as a whole, rather than one per position. The outputs of a
            network are then averaged over positions, if it does not return (batch, outputs) itself.
        padded: whether items can be shorter than `size`, with zeros after each. The last input channel is 1
            at positions of the item and 0 in the padding, and only positions of the item are averaged.

    Shape:
        - Input of the network: (batch, inputs, *size), float32
        - Output of the network: (batch, outputs, *size); (batch, outputs) if pooled
    """

    inputs: int
    outputs: int
    size: tuple[int, ...]
    pooled: bool = False
    padded: bool = False

    @property
    def answer_size(self) -> tuple[int, ...]:
        """The sides of an answer: those of an item, or () if it is pooled."""
        return () if self.pooled else self.size


@dataclass(frozen=True, slots=True)
class Metric:
    """A score for each item.

    Args:
        name: the name in results and cards.
        better: whether higher or lower scores are better.
        perfect: the score of the true target used as the output.
        score: `score(output, target, inputs)` returns a float tensor (batch,), NaN for an item to which the
            metric does not apply. A score must not be infinite: the metric then has no mean, and the result
            says so.
        about: one line for people.
        chance: the score of guessing without any knowledge, if there is a closed form.
        gap: if set, results report `test mean - train mean` of this metric under this name.
        bounds: the lowest and highest possible score, None where there is no bound; intervals stay within.
    """

    name: str
    better: Literal["higher", "lower"]
    perfect: float
    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    about: str
    chance: float | None = None
    gap: str = ""
    bounds: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """How much the scores of one structure vary between seeds, as measured.

    Args:
        mean: the mean over seeds.
        variance: the variance over seeds, by n - 1.
        seeds: how many seeds were run.
        runs: the identities of the runs.
    """

    mean: float
    variance: float
    seeds: int
    runs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """A size of a probe: its parameters, the trainer's recipe, and the width or the parameter budget.

    Args:
        about: one line for people.
        parameters: keyword parameters of the probe.
        recipe: keyword parameters of the trainer.
        width: the width of the structure. Set either `width` or `budget`.
        budget: the number of parameters of the network.
        noise: the measured standard deviation between seeds, by metric.
        spreads: how much each of several structures varies between seeds, by metric and structure. If set,
            the noise is fitted on it as a function of the score, without the structure that is judged.
        noise_column_key: the key numbers of the probe on which these were measured; empty for any.
        decides: whether scores at this scale support a verdict; those of a scale for tests do not.
        seconds: the approximate time of a run on one CPU core; None if it was not measured.
    """

    about: str
    parameters: Mapping[str, Value]
    recipe: Mapping[str, Value]
    width: int | None = None
    budget: int | None = None
    noise: Mapping[str, float] = field(default_factory=dict)
    spreads: Mapping[str, Mapping[str, SeedSpread]] = field(default_factory=dict)
    noise_column_key: dict[str, float | str] = field(default_factory=dict)
    decides: bool = True
    seconds: float | None = None


@rename_fields({"instead": "fallback"})
@dataclass(frozen=True, slots=True)
class Published:
    """A row of a published table: a structure and its scores.

    Args:
        table: the name of the table, as "table1".
        name: the name of the row, as printed.
        structure: an expression, as "unet+lambda".
        parameters: the number of parameters, as published.
        scores: scores by metric, in the unit of the metric; "train/NAME" for a score on the training set.
        width: the width, as published; None if the expression fixes it.
        probe: parameters of the probe in addition to those of the scale.
        fallback: expressions by scale, for scales at which `structure` does not fit.
    """

    table: str
    name: str
    structure: str
    parameters: int
    scores: Mapping[str, float]
    width: int | None = None
    probe: Mapping[str, Value] = field(default_factory=dict)
    fallback: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Claim:
    """A conclusion from a published table, as a number that is positive if the conclusion holds.

    Args:
        table: the table whose rows it reads.
        text: the conclusion as a sentence.
        margin: `margin(rows)` returns the number. `rows` are the scores of one seed by row name, as in
            `Published.scores`; it raises KeyError if a row that it needs was not run.
    """

    table: str
    text: str
    margin: Callable[[Mapping[str, Mapping[str, float]]], float]
