"""Controls of state tracking: the last move alone, and all moves in any order."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit.plugin.interfaces import Dataset
from probekit_probes.sequences import decode_tokens, encode_answers
from probekit_probes.tracking.groups import commutator_cosets, group_table


class LastMove:
    """Answers with the last move.

    Of L states in a group of order n, it is correct in 1/L + (1 - 1/L)/n: the earlier product is uniform.
    """

    def fit(self, dataset: Dataset) -> None:
        """Do nothing."""

    def __call__(self, inputs: Tensor) -> Tensor:
        return inputs[:, 1:]


class AnyOrder:
    """Answers with an element of the right coset of the commutator subgroup, from the moves in any order.

    It is the best solver that ignores the order: correct with probability 1 / (size of that subgroup), and
    exact for an abelian group.

    Args:
        group: name of the group.
    """

    def __init__(self, group: str) -> None:
        products = torch.from_numpy(group_table(group)).long()
        self.coset = torch.from_numpy(commutator_cosets(group)).long()
        self.first = torch.stack(
            [(self.coset == coset).long().argmax() for coset in range(int(self.coset.max()) + 1)]
        )
        self.coset_products = self.coset[products[self.first[:, None], self.first]]
        self.order = len(products)

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the group is known."""

    def __call__(self, inputs: Tensor) -> Tensor:
        tokens = decode_tokens(inputs)
        state, answers = torch.zeros_like(tokens[:, 0]), []
        for token in tokens.unbind(1):
            moved = self.coset_products[state, self.coset[(token - 1).clamp(min=0)]]
            state = moved.where(token > 0, state)
            answers.append(self.first[state])
        return encode_answers(torch.stack(answers, 1), torch.ones_like(tokens, dtype=torch.bool), self.order)
