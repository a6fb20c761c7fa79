"""A solver answers the items of any probe without some ability, which it states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from probekit.battery.learners import Learner
from probekit.battery.view import Rows, View

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1 << 14
"""How many rows get their features at once."""


class Solver(ABC):
    """A solver that lacks an ability.

    Attributes:
        name: Its name in tables.
        lacks: What it cannot do, in one sentence.
        against: Properties that a probe does not need if this solver solves it.
        light: Whether it is fast enough for `probekit check`.
    """

    name: str
    lacks: str
    against: tuple[str, ...]
    light: bool = False

    @abstractmethod
    def fit(self, train: View) -> None:
        """Learn from training items.

        Raises:
            NotApplicable: The items have another form.
        """

    @abstractmethod
    def predict(self, view: View) -> Tensor:
        """Return answers at the scored positions: classes (rows,) int64, or numbers (rows, outputs)."""


class FeatureSolver(Solver):
    """A solver that describes each scored position by integers and lets a learner do the rest.

    Args:
        name, lacks, against, light: As for `Solver`.
        learner: Learns labels from the features.
        features: `features(view, rows)` returns (rows, features) int64.
    """

    def __init__(
        self,
        name: str,
        lacks: str,
        against: tuple[str, ...],
        learner: Learner,
        features: Callable[[View, Rows], Tensor],
        light: bool = False,
    ) -> None:
        self.name, self.lacks, self.against, self.light = name, lacks, against, light
        self.learner, self.features = learner, features

    def fit(self, train: View) -> None:
        rows = train.sample_rows(self.learner.max_rows)
        self.learner.fit(self.features(train, rows), train.read_labels(rows), train.form)

    def predict(self, view: View) -> Tensor:
        import torch

        chunks = zip(*(torch.split(column, CHUNK) for column in view.rows), strict=True)
        return torch.cat([self.learner.predict(self.features(view, chunk)) for chunk in chunks])
