"""The closed-form control of multi-hop: one step, for every question."""

from __future__ import annotations

from torch import Tensor

from probekit.plugin.interfaces import Dataset
from probekit_probes.multihop.oracle import solve_cycles


class OneHop:
    """Answers with the next node, as after a single lookup: correct if one step is asked for, else wrong.

    The numbers of steps 1 to H are equally likely and a cycle has more than H nodes, so 1/H of its answers
    are correct.

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
        is_number = inputs[:, 1 + self.nodes :].sum(1)
        one_step[:, 1 + self.nodes :] = 0
        one_step[:, 1 + self.nodes] = is_number
        return solve_cycles(one_step, self.nodes, 1)[0]
