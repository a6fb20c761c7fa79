"""The controls of state tracking: the last move alone, all moves in no order, and a window."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit.interfaces import Dataset
from probekit_probes.tracking.groups import cosets, table
from probekit_probes.words import answers_of, tokens_of


class LastMove:
    """Answers the last move: of L states and a group of order n it is right in 1/L + (1 - 1/L)/n of them,
    as what came before is uniform."""

    def fit(self, dataset: Dataset) -> None:
        """Learn nothing."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return inputs[:, 1:]


class AnyOrder:
    """Answers an element of the right coset of the commutator subgroup, found from the moves in any order.

    It is the best that does not look at order: right with chance 1 / (size of that subgroup), exact where the
    group is abelian.
    """

    def __init__(self, group: str) -> None:
        of = torch.from_numpy(table(group)).long()
        self.coset = torch.from_numpy(cosets(group)).long()
        self.first = torch.stack(
            [(self.coset == one).long().argmax() for one in range(int(self.coset.max()) + 1)]
        )
        self.sum = self.coset[of[self.first[:, None], self.first]]
        self.order = len(of)

    def fit(self, dataset: Dataset) -> None:
        """Learn nothing: the group is known."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = tokens_of(inputs)
        state, found = torch.zeros_like(tokens[:, 0]), []
        for token in tokens.unbind(1):
            moved = self.sum[state, self.coset[(token - 1).clamp(min=0)]]
            state = moved.where(token > 0, state)
            found.append(self.first[state])
        return answers_of(torch.stack(found, 1), torch.ones_like(tokens, dtype=torch.bool), self.order)
