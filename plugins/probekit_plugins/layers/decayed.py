"""Decayed sums: y_t = sum over s <= t of decay(s..t) (q_t k_s) v_s, in chunks, as the state-space duality of
Dao and Gu, "Transformers are SSMs", ICML 2024, section 6, has it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK = 64


def decayed(q: Tensor, k: Tensor, v: Tensor, decay: Tensor | None = None) -> Tensor:
    """Return the sums, (batch, heads, positions, values), linear in positions.

    q, k: (batch, heads, positions, keys); v: (batch, heads, positions, values); decay: the logarithm, zero or
    less, of what is left at each position of the state before it, (batch, heads, positions); None: all is.
    """
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    parts = (q, k, v) if decay is None else (q, k, v, decay[..., None])
    found = []
    for asks, keys, values, *fading in zip(*(torch.split(part, CHUNK, 2) for part in parts), strict=True):
        scores = asks @ keys.mT
        if fading:
            passed = fading[0].cumsum(2)
            # masked first: beyond the diagonal the exponent is positive, and may be huge
            later = passed.new_full(scores.shape[2:], -torch.inf).triu(1)
            left = (passed - passed.mT).add_(later).exp_()
            found.append(asks @ state * passed.exp() + (scores * left) @ values)
            after = passed[:, :, -1:]
            state = state * after.exp() + (keys * (after - passed).exp()).mT @ values
        else:
            found.append(asks @ state + scores.tril() @ values)
            state = state + keys.mT @ values
    return torch.cat(found, 2)


def softplus_inverse(x: Tensor) -> Tensor:
    """Return of what x is the softplus."""
    return x + torch.log(-torch.expm1(-x))


class Fading(nn.Module):
    """The logarithm of what is left of a state, -a softplus(w x + b): rows (batch, positions, channels) to
    (batch, heads, positions).

    a is 1 to 16, and softplus(b) 0.001 to 0.1, at first (Dao and Gu 2024).
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.map = nn.Linear(channels, heads, bias=False)
        self.rates = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.steps = nn.Parameter(softplus_inverse(torch.empty(heads).uniform_(-6.9, -2.3).exp()))

    def forward(self, rows: Tensor) -> Tensor:
        steps = functional.softplus(self.map(rows) + self.steps)
        return (-self.rates.exp() * steps).mT
