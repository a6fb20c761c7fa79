"""The oracle notes what follows each node and goes from node to node; it knows no generator."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.words import tokens_of


def read(inputs: Tensor, nodes: int, hops: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return answers (batch, nodes, length) float32, the hops asked at each position (batch, length), zero
    where nothing is asked, and how often each node is followed (batch, nodes)."""
    tokens = tokens_of(inputs)
    node, hop = (tokens > 0) & (tokens <= nodes), tokens - nodes
    asked = torch.zeros_like(tokens)
    asked[:, 1:] = (hop[:, :-1].clamp(min=0)) * node[:, 1:]
    # what is followed stands after a blank, before the first question
    first = node & (hop.clamp(min=0).cumsum(1) == 0)
    first[:, 1:] &= tokens[:, :-1] == 0
    where = first.nonzero()
    follows = inputs.new_zeros(len(tokens), nodes, nodes)
    item, place = where.unbind(1)
    follows[item, tokens[item, place] - 1, tokens[item, place + 1] - 1] += 1
    start = torch.nn.functional.one_hot((tokens - 1).clamp(0, nodes - 1), nodes).to(inputs.dtype)
    answers, reached = torch.zeros_like(start), start
    for steps in range(1, hops + 1):
        reached = reached @ follows
        answers += reached * (asked == steps)[..., None]
    return answers.mT, asked, follows.sum(2)
