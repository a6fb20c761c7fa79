"""A difficulty axis sorts items or positions by difficulty; a run stores its scores in bins along it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from probekit.renamed import rename_fields

if TYPE_CHECKING:
    from torch import Tensor


@rename_fields({"of": "difficulty", "solved": "solved_score"})
@dataclass(frozen=True, slots=True)
class Axis:
    """The difficulty axis of a probe: the attribute `axis` of its class or of an instance.

    Args:
        name: the name of the axis.
        unit: the unit in the plural, as "pixels".
        about: one line for people.
        difficulty: `difficulty(inputs, targets)` returns the difficulty of each item, float (batch,), or of
            each position, (batch, *size); NaN where it does not apply.
        score: `score(output, target, inputs)` returns scores of the same shape as the difficulties.
        better: whether higher or lower scores are better.
        edges: edges of the bins, ascending. A difficulty d is in the bin with edges[i] <= d < edges[i + 1];
            difficulties outside the edges do not count.
        bounds: the lowest and highest possible score; None where there is no bound.
        solved_score: the mean score from which a bin counts as solved, for axes on which larger values are
            harder. Cards then report the difficulty up to which all bins are solved.

    Raises:
        ValueError: there are fewer than two edges, or they do not ascend.
    """

    name: str
    unit: str
    about: str
    difficulty: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    better: Literal["higher", "lower"]
    edges: tuple[float, ...]
    bounds: tuple[float | None, float | None] = (None, None)
    solved_score: float | None = None

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"an axis needs two or more ascending edges, not {self.edges}")
