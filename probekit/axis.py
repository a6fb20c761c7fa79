"""An axis is what makes items, or positions of them, harder: scores are stored and drawn along it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Axis:
    """A difficulty of a probe: `axis` of its class, or of the probe made.

    unit: in the plural, as "pixels". of: (inputs, targets) to how hard each item is, float (batch,), or each
    position, (batch, *size); NaN where that means nothing. score: (output, target, inputs) to a score of the
    same shape. edges: ends of the bins, ascending; a difficulty d lies in the bin with edges[i] <= d <
    edges[i + 1], and counts in none beyond. bounds: the least and the greatest that the score can be, None
    where there is none. solved: the mean score from which what is so hard counts as solved, where greater is
    harder; cards then say up to where all is. Raises ValueError where there are fewer than two edges, or they
    do not ascend.
    """

    name: str
    unit: str
    about: str
    of: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor, Tensor], Tensor]
    better: Literal["higher", "lower"]
    edges: tuple[float, ...]
    bounds: tuple[float | None, float | None] = (None, None)
    solved: float | None = None

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"edges of an axis ascend and are two or more, not {self.edges}")
