"""States that decay channel by channel and receive corrections of rank one, in chunks: the "diagonal plus low
rank" form that RWKV-7 (Peng et al. 2025) and Kimi Delta Attention (Kimi Team 2025) share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

CHUNK = 16


def chunked_corrected_sum(q: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor, g: Tensor) -> Tensor:
    """Return S_t^T q_t, where S_t = diag(exp(g_t)) S_(t-1) + a_t (S_(t-1)^T b_t)^T + k_t v_t^T.

    Linear in positions.

    Args:
        q: (batch, heads, positions, keys).
        k: (batch, heads, positions, keys).
        v: (batch, heads, positions, values).
        a: what a correction writes to, (batch, heads, positions, keys).
        b: what a correction reads from, (batch, heads, positions, keys).
        g: log decay of each channel of k, zero or less, (batch, heads, positions, keys).

    Returns:
        (batch, heads, positions, values).
    """
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    chunks = (torch.split(part, CHUNK, 2) for part in (q, k, v, a, b, g))
    for q_chunk, k_chunk, v_chunk, a_chunk, b_chunk, g_chunk in zip(*chunks, strict=True):
        g_cum = g_chunk.cumsum(2)
        g_before = functional.pad(g_cum, (0, 0, 1, -1))
        # q reads the state after its position, b the one before
        readers, g_read = torch.cat([q_chunk, b_chunk], 2), torch.cat([g_cum, g_before], 2)
        writers = torch.stack([k_chunk, a_chunk], 2)
        # of each pair and channel; no product of two of them is larger than one, as a quotient might be
        decay_mask = (g_read[:, :, :, None] - g_cum[:, :, None]).clamp_(max=0).exp_()
        scores = torch.einsum("bhic,bhwjc,bhijc->bhwij", readers, writers, decay_mask)
        (q_scores, b_scores), length = scores.chunk(2, 3), q_chunk.shape[2]
        q_scores, b_scores = q_scores.tril(), b_scores.tril(-1)
        # what a correction reads depends on those before it in the chunk: one triangular solve
        read = torch.cat([q_chunk, b_chunk], 2) * g_read.exp() @ state
        targets = read[:, :, length:] + b_scores[:, :, 0] @ v_chunk
        u = torch.linalg.solve_triangular(-b_scores[:, :, 1], targets, upper=False, unitriangular=True)
        outputs.append(read[:, :, :length] + q_scores[:, :, 0] @ v_chunk + q_scores[:, :, 1] @ u)
        g_last = g_cum[:, :, -1:]
        remaining = (g_last - g_cum).exp()
        state = state * g_last.exp().mT + (k_chunk * remaining).mT @ v_chunk + (a_chunk * remaining).mT @ u
    return torch.cat(outputs, 2)
