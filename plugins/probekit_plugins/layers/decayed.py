"""Decayed sums: y_t = sum over s <= t of decay(s..t) (q_t k_s) v_s, in chunks, as the state-space duality of
Dao and Gu, "Transformers are SSMs", ICML 2024, section 6, has it."""

from __future__ import annotations

import torch
from torch import Tensor

CHUNK = 64


def decayed(q: Tensor, k: Tensor, v: Tensor, decay: Tensor | None = None) -> Tensor:
    """Return the sums, (batch, heads, positions, values), linear in positions.

    q, k: (batch, heads, positions, keys); v: (batch, heads, positions, values); decay: the logarithm, zero or
    less, of what is left at each position of the state before it, (batch, heads, positions); None: all is.
    """
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    found = []
    for start in range(0, q.shape[2], CHUNK):
        some = slice(start, start + CHUNK)
        asks, keys, values = q[:, :, some], k[:, :, some], v[:, :, some]
        scores = (asks @ keys.mT).tril()
        if decay is None:
            found.append(asks @ state + scores @ values)
            state = state + keys.mT @ values
        else:
            passed = decay[:, :, some].cumsum(2)[..., None]
            # masked first: beyond the diagonal the exponent is positive, and may be huge
            left = (passed - passed.mT).tril().exp()
            found.append(asks @ state * passed.exp() + (scores * left) @ values)
            after = passed[:, :, -1:]
            state = state * after.exp() + (keys * (after - passed).exp()).mT @ values
    return torch.cat(found, 2)


def both_ways(q: Tensor, k: Tensor, v: Tensor, decay: Tensor, back: int) -> Tensor:
    """Return decayed sums, the first `back` heads from the last position to the first."""
    ahead = decayed(*(part[:, back:] for part in (q, k, v, decay)))
    if not back:
        return ahead
    turned = decayed(*(part[:, :back].flip(2) for part in (q, k, v, decay)))
    return torch.cat([turned.flip(2), ahead], 1)
