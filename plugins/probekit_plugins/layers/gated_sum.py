"""Gated sums: y_t = sum over s <= t of decay(s..t) (q_t k_s) v_s, in chunks, as the state-space duality of
Dao and Gu, "Transformers are SSMs", ICML 2024, section 6, has it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK = 64


def chunked_gated_sum(q: Tensor, k: Tensor, v: Tensor, g: Tensor | None = None) -> Tensor:
    """Return S_t^T q_t, where S_t = exp(g_t) S_(t-1) + k_t v_t^T, linear in positions.

    Args:
        q: (batch, heads, positions, keys).
        k: (batch, heads, positions, keys).
        v: (batch, heads, positions, values).
        g: log decay at each position, zero or less, (batch, heads, positions); None for no decay.

    Returns:
        (batch, heads, positions, values).
    """
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    parts = (q, k, v) if g is None else (q, k, v, g[..., None])
    outputs = []
    for q_chunk, k_chunk, v_chunk, *gates in zip(
        *(torch.split(part, CHUNK, 2) for part in parts), strict=True
    ):
        scores = q_chunk @ k_chunk.mT
        if gates:
            g_cum = gates[0].cumsum(2)
            # masked first: beyond the diagonal the exponent is positive, and may be huge
            causal_mask = g_cum.new_full(scores.shape[2:], -torch.inf).triu(1)
            decay_mask = (g_cum - g_cum.mT).add_(causal_mask).exp_()
            outputs.append(q_chunk @ state * g_cum.exp() + (scores * decay_mask) @ v_chunk)
            g_last = g_cum[:, :, -1:]
            state = state * g_last.exp() + (k_chunk * (g_last - g_cum).exp()).mT @ v_chunk
        else:
            outputs.append(q_chunk @ state + scores.tril() @ v_chunk)
            state = state + k_chunk.mT @ v_chunk
    return torch.cat(outputs, 2)


def softplus_inverse(x: Tensor) -> Tensor:
    """Return the number whose softplus is x."""
    return x + torch.log(-torch.expm1(-x))


class DecayGate(nn.Module):
    """The log decay g = -exp(A_log) softplus(a_proj x + dt_bias) of a state, head by head.

    exp(A_log) is 1 to 16, and softplus(dt_bias) 0.001 to 0.1, at first (Dao and Gu 2024).

    Shape:
        (batch, positions, channels) to (batch, heads, positions).
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.a_proj = nn.Linear(channels, heads, bias=False)
        self.A_log = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.dt_bias = nn.Parameter(softplus_inverse(torch.empty(heads).uniform_(-6.9, -2.3).exp()))

    def forward(self, rows: Tensor) -> Tensor:
        # contiguous: else the compiled gradient of softplus has a layout that no view fits
        dt = functional.softplus(self.a_proj(rows).mT.contiguous() + self.dt_bias[:, None])
        return -self.A_log.exp()[:, None] * dt
