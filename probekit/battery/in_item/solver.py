"""A solver that learns inside each item, from the answers that the item shows."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from probekit.battery.form import NotApplicable
from probekit.battery.solver import Solver
from probekit.battery.view import View, split_range

if TYPE_CHECKING:
    from torch import Tensor


class InItem(Solver):
    """A solver that answers each position from the answers that its own item shows."""

    against = ("grouping", "recall", "binding")
    light = True

    def fit(self, train: View) -> None:
        features = train.split_shown()[0]
        if not features.shape[1]:
            raise NotApplicable("the inputs are the shown answers and nothing more")
        flat = features.movedim(1, -1).flatten(0, -2)
        self.low, self.high = flat.min(0).values, flat.max(0).values
        self.check_features(features.shape[1])

    def check_features(self, count: int) -> None:
        """Raise NotApplicable if there are too many features."""

    def predict(self, view: View) -> Tensor:
        import torch

        features, shown = view.split_shown()
        scale = (self.high - self.low).clamp(min=1e-9)
        features = (features.movedim(1, -1) - self.low) / scale
        features, shown = features.flatten(1, -2), shown.movedim(1, -1).flatten(1, -2)
        answers = [self.score_classes(features[part], shown[part]) for part in split_range(len(view))]
        classes = torch.cat(answers).argmax(2).view(view.scored.shape)
        return classes[view.rows]

    @abstractmethod
    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        """Return how well each class fits each position, (items, positions, classes).

        Args:
            features: what describes each position, in [0, 1], (items, positions, features).
            shown: one-hot answers, (items, positions, classes), zero where none is shown.
        """
