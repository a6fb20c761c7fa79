"""Formulas, as slow loops, of the layers with a state that rules of the last years update."""

from __future__ import annotations

import torch
from direct import Size, Weights
from torch import Tensor

from formulas.parts import linear, normed, sigmoid, silu
from formulas.scans import faded, in_order, orders


def deltaproduct(
    x: Tensor,
    weights: Weights,
    size: Size,
    heads: int = 2,
    steps: int = 2,
    scan: str = "both",
    gated: bool = False,
    negative: bool = False,
) -> Tensor:
    """Several steps of the delta rule at each position."""
    channels, found = len(x), []
    maps = silu(linear("in_proj", x, weights)).split(channels)
    rates = sigmoid(linear("beta_proj", x, weights)) * (2 if negative else 1)
    for head, order in enumerate(orders(heads, size, scan)):
        q, *kv = (part.chunk(heads)[head] for part in maps)
        left = faded(x, weights, "decay_gate", head) if gated else torch.ones(x.shape[1])
        state, columns = torch.zeros(len(q), len(q), dtype=x.dtype), {}
        for n in order:
            state = left[n] * state
            for step in range(steps):
                key, value = kv[step][:, n], kv[steps + step][:, n]
                key = key / key.norm()
                state = state + rates[step * heads + head, n] * key[:, None] * (value - key @ state)
            columns[n] = normed(q[:, n] @ state / q[:, n].norm(), weights["norm_weight"])
        found.append(in_order(columns))
    return linear("out_proj", torch.cat(found), weights)
