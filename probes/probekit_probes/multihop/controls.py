"""The closed-form control of multi-hop: one lookup, and a guess among the nodes that it does not rule out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from probekit.plugin.interfaces import Dataset
from probekit_probes.multihop.oracle import solve_cycles


class OneLookup:
    """Answers with the next node if one step is asked for, else with a node that a lookup does not rule out.

    On a cycle of n nodes with more than one step to go, neither the node itself nor the next one is the
    answer. It answers with the first of the other nodes, and is correct in 1 / (n - 2) of those questions.

    Args:
        nodes: number of different nodes.
        hops: greatest number of steps.
    """

    def __init__(self, nodes: int, hops: int) -> None:
        self.nodes, self.hops = nodes, hops

    def fit(self, dataset: Dataset) -> None:
        """Do nothing: the cycles of different sequences are independent."""

    def __call__(self, inputs: Tensor) -> Tensor:
        one_step = inputs.clone()
        numbers = one_step[:, 1 + self.nodes :]
        is_number, is_first = numbers.sum(1), numbers[:, 0].clone()
        numbers[:] = 0
        numbers[:, 0] = is_number
        next_node, _, successors = solve_cycles(one_step, self.nodes, 1)
        free = successors[..., None] * (1 - next_node) * (1 - inputs[:, 1 : 1 + self.nodes])
        guess = functional.one_hot(free.argmax(1), self.nodes).mT.to(next_node.dtype)
        asks_one = functional.pad(is_first[:, None, :-1], (1, 0))
        answers: Tensor = torch.where(asks_one > 0, next_node, guess)
        return answers
