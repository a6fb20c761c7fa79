"""A solver that cuts an item into boxes of inputs, where its shown answers change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probekit.battery.in_item.solver import InItem
from probekit.battery.learners import import_sklearn
from probekit.battery.view import View

if TYPE_CHECKING:
    from torch import Tensor


class Tree(InItem):
    """Grows a decision tree in each item, from scikit-learn.

    Args:
        leaves: Greatest number of leaves.
    """

    light = False

    def __init__(self, leaves: int) -> None:
        self.leaves = leaves
        self.name = f"tree of {leaves} leaves in the item"
        self.lacks = f"It tells apart at most {leaves} boxes of inputs."

    def fit(self, train: View) -> None:
        super().fit(train)
        self.grow: Any = import_sklearn("tree").DecisionTreeClassifier

    def score_classes(self, features: Tensor, shown: Tensor) -> Tensor:
        import torch

        scores = torch.zeros_like(shown)
        for values, codes, score in zip(features.numpy(), shown, scores, strict=True):
            is_shown = codes.any(1)
            if not is_shown.any():
                continue
            tree = self.grow(max_leaf_nodes=self.leaves, random_state=0)
            tree.fit(values[is_shown.numpy()], codes[is_shown].argmax(1).numpy())
            answers = torch.from_numpy(tree.predict(values))
            score.scatter_(1, answers[:, None], 1.0)
        return scores
