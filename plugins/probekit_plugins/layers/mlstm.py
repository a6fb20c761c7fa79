"""mLSTM, the matrix memory of xLSTM (Beck et al., "xLSTM: Extended Long Short-Term Memory", NeurIPS 2024,
arXiv:2405.04517)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions

CHUNK = 64
MAX_EXPONENT = 60.0
"""The largest exponent of the lower bound of a normaliser; above it the answer is zero in float32."""


class MLSTM(MultiHead, nn.Module):
    """A matrix memory C with exponential gates, head by head.

        C_t = f_t C_(t-1) + i_t k_t v_t^T, n_t = f_t n_(t-1) + i_t k_t
        h_t = C_t^T q_t / max(|n_t^T q_t|, 1)

    q, k / sqrt(d) and v are linear maps; in each head i is exp and f the sigmoid of a linear map. h is
    normalised in each head, gated by a sigmoid of a linear map, then mapped. The biases of f start as 3 to 6.
    The paper's short convolution belongs to the structure (`plain(conv=4)`). Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        scan: the order of reading (see `scan_directions`); each direction has its share of the heads.
        causal: read in reading order only.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 4,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.directions = heads, scan_directions(scan, size, causal)
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.igate, self.fgate = nn.Linear(channels, heads), nn.Linear(channels, heads)
        with torch.no_grad():
            self.fgate.bias.copy_(torch.linspace(3.0, 6.0, heads))
        self.ogate = nn.Linear(channels, channels)
        self.norm_weight = nn.Parameter(torch.ones(channels // heads))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        qkv = self.in_proj(rows).view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        i, f = self.igate(rows).mT, self.fgate(rows).mT  # (batch, heads, positions)
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(qkv.dtype, torch.float32)
            q, k, v = qkv.to(dtype).unbind()
            k, g = k * k.shape[-1] ** -0.5, functional.logsigmoid(f.to(dtype))
            h = apply_scan(chunked_mlstm, (q, k, v, i.to(dtype), g), self.directions, x.shape[2:])
            h = functional.layer_norm(h, h.shape[-1:], self.norm_weight.to(dtype))
        gated = h.to(rows.dtype).transpose(1, 2).flatten(2) * self.ogate(rows).sigmoid()
        z: Tensor = self.out_proj(gated)
        return z.mT.reshape_as(x)


def chunked_mlstm(q: Tensor, k: Tensor, v: Tensor, i: Tensor, g: Tensor) -> Tensor:
    """Return what `reference` returns, in chunks.

    The state and its normaliser are divided by exp(m), with m the largest exponent so far; the answer does
    not depend on m.
    """
    v_and_one = torch.cat([v, torch.ones_like(v[..., :1])], -1)
    state = q.new_zeros(*q.shape[:2], k.shape[-1], v_and_one.shape[-1])
    m_last = q.new_zeros(*q.shape[:2], 1)
    outputs = []
    chunks = (torch.split(part, CHUNK, 2) for part in (q, k, v_and_one, i, g))
    for q_chunk, k_chunk, v_chunk, i_chunk, g_chunk in zip(*chunks, strict=True):
        g_cum = g_chunk.cumsum(2)
        exponents = g_cum[..., None] + (i_chunk - g_cum)[:, :, None]
        causal_mask = exponents.new_full(exponents.shape[2:], -torch.inf).triu(1)
        exponents = exponents + causal_mask
        m = torch.maximum(exponents.amax(3), g_cum + m_last).detach()
        scores = q_chunk @ k_chunk.mT * (exponents - m[..., None]).exp()
        sums = q_chunk @ state * (g_cum + m_last - m).exp()[..., None] + scores @ v_chunk
        least = (-m).clamp(max=MAX_EXPONENT).exp()[..., None]
        outputs.append(sums[..., :-1] / torch.maximum(sums[..., -1:].abs(), least))
        g_last, m_new = g_cum[:, :, -1:], m[:, :, -1:]
        k_written = k_chunk * (g_last - g_cum + i_chunk - m_new).exp()[..., None]
        state = state * (g_last + m_last - m_new).exp()[..., None] + k_written.mT @ v_chunk
        m_last = m_new
    return torch.cat(outputs, 2)


def reference(q: Tensor, k: Tensor, v: Tensor, i: Tensor, g: Tensor) -> Tensor:
    """The matrix memory, position by position (Beck et al. 2024, equations 19 to 27, not stabilised).

    C_t = exp(g_t) C_(t-1) + exp(i_t) k_t v_t^T, n_t = exp(g_t) n_(t-1) + exp(i_t) k_t,
    h_t = C_t^T q_t / max(|n_t q_t|, 1).

    Args:
        q: queries.
        k: keys, scaled.
        v: values.
        i: logits of the input gate.
        g: log of the forget gate, zero or less.

    Returns:
        h at each position.

    Shape:
        - q, k: (batch, heads, positions, keys)
        - v, h: (batch, heads, positions, values)
        - i, g: (batch, heads, positions)
    """
    memory = q.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    normalizer = q.new_zeros(*k.shape[:2], k.shape[-1])
    outputs = []
    for t in range(q.shape[2]):
        forget, write = g[:, :, t].exp(), i[:, :, t].exp()
        memory = torch.einsum("bh,bhkv->bhkv", forget, memory)
        memory = memory + torch.einsum("bh,bhk,bhv->bhkv", write, k[:, :, t], v[:, :, t])
        normalizer = torch.einsum("bh,bhk->bhk", forget, normalizer)
        normalizer = normalizer + torch.einsum("bh,bhk->bhk", write, k[:, :, t])
        length = torch.einsum("bhk,bhk->bh", normalizer, q[:, :, t]).abs().clamp(min=1)
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, :, t], memory) / length[..., None])
    return torch.stack(outputs, 2)
