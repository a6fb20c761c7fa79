"""The control of multi-hop: one step, however many are asked."""

from __future__ import annotations

from torch import Tensor

from probekit.interfaces import Dataset
from probekit_probes.multihop.oracle import read


class OneHop:
    """Answers the next node, as who looks up once: right where one step is asked, and nowhere else.

    With 1 to H steps asked alike, fewer than a cycle has nodes, that is 1/H of the questions.
    """

    def __init__(self, nodes: int, hops: int) -> None:
        self.nodes, self.hops = nodes, hops

    def fit(self, dataset: Dataset) -> None:
        """Learn nothing: the cycle of a word says nothing of another's."""

    def __call__(self, inputs: Tensor) -> Tensor:
        once = inputs.clone()
        asks = inputs[:, 1 + self.nodes :].sum(1)
        once[:, 1 + self.nodes :] = 0
        once[:, 1 + self.nodes] = asks
        return read(once, self.nodes, 1)[0]
