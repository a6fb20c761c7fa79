"""The oracle of multi-hop: it notes each node's successor and walks from node to node.

It shares no code with the generator.
"""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.sequences import decode_tokens


def solve_cycles(inputs: Tensor, nodes: int, hops: int) -> tuple[Tensor, Tensor, Tensor]:
    """Walk the number of steps of each question.

    Args:
        inputs: one-hot tokens, (batch, 1 + nodes + hops, length).
        nodes: number of different nodes.
        hops: greatest number of steps.

    Returns:
        Answers (batch, nodes, length) float32; the number of steps at each position (batch, length), zero
        where there is no question; and the number of successors of each node (batch, nodes).
    """
    tokens = decode_tokens(inputs)
    is_node, hop = (tokens > 0) & (tokens <= nodes), tokens - nodes
    steps = torch.zeros_like(tokens)
    steps[:, 1:] = (hop[:, :-1].clamp(min=0)) * is_node[:, 1:]
    # the first node of a pair comes after a blank, before the first question
    is_first = is_node & (hop.clamp(min=0).cumsum(1) == 0)
    is_first[:, 1:] &= tokens[:, :-1] == 0
    successors = inputs.new_zeros(len(tokens), nodes, nodes)
    item, position = is_first.nonzero().unbind(1)
    successors[item, tokens[item, position] - 1, tokens[item, position + 1] - 1] += 1
    start = torch.nn.functional.one_hot((tokens - 1).clamp(0, nodes - 1), nodes).to(inputs.dtype)
    answers, reached = torch.zeros_like(start), start
    for step in range(1, hops + 1):
        reached = reached @ successors
        answers += reached * (steps == step)[..., None]
    return answers.mT, steps, successors.sum(2)
