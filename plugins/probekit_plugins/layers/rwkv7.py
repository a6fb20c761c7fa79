"""RWKV-7 (Peng et al., "RWKV-7 'Goose' with Expressive Dynamic State Evolution", 2025, arXiv:2503.14456)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.diagonal_low_rank import chunked_corrected_sum
from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions

RANK = 16
"""The rank of the maps to decays and rates; the paper's grows with the root of the channels."""
MAX_DECAY = 0.6065306597126334
"""exp(-1/2): the log decay is between minus this and zero."""
NORM_EPS = 64e-5


class RWKV7(MultiHead, nn.Module):
    """A state that decays and is corrected channel by channel, head by head.

        S_t = diag(w_t) S_(t-1) - (a_t * kappa_t) (S_(t-1)^T kappa_t)^T + k'_t v_t^T, y_t = S_t^T r_t

    r, k and v are linear maps; kappa is k times learned factors, of length one; a, a sigmoid, is the rate of
    each channel, and k' is k (1 + (a - 1) alpha) with learned alpha. log w = -exp(-1/2) sigmoid(d), where d
    and the logits of a are maps of rank 16. y is normalised in each head, receives the bonus (r rho k') v
    with learned rho, and is mapped. The paper's token shift belongs to the structure (`plain(conv=4)`); its
    output gate and the values it keeps of its first layer are left out. Linear in positions.

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
        to_w = nn.Linear(RANK, channels)
        self.w_lora = nn.Sequential(nn.Linear(channels, RANK, bias=False), nn.Tanh(), to_w)
        self.a_lora = nn.Sequential(nn.Linear(channels, RANK, bias=False), nn.Linear(RANK, channels))
        with torch.no_grad():  # the channels of a new layer forget at different rates, most of them slowly
            to_w.bias.copy_(torch.linspace(-6.0, -1.0, channels))
        self.k_k = nn.Parameter(torch.full((channels,), 0.85))
        self.k_a = nn.Parameter(torch.ones(channels))
        self.r_k = nn.Parameter(torch.zeros(channels))
        self.norm_weight = nn.Parameter(torch.ones(channels))
        self.norm_bias = nn.Parameter(torch.zeros(channels))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows, size = x.flatten(2).mT, x.shape[2:]
        r, k, v = (self.split_heads(part) for part in self.in_proj(rows).chunk(3, 2))
        w_logits, a_logits = self.split_heads(self.w_lora(rows)), self.split_heads(self.a_lora(rows))
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(r.dtype, torch.float32)
            r, k, v, w_logits, a_logits = (part.to(dtype) for part in (r, k, v, w_logits, a_logits))
            k_k, k_a, r_k, weight, bias = (
                part.to(dtype).view(self.heads, 1, -1)
                for part in (self.k_k, self.k_a, self.r_k, self.norm_weight, self.norm_bias)
            )
            kappa, a = functional.normalize(k * k_k, dim=-1), a_logits.sigmoid()
            k = k * (1 + (a - 1) * k_a)
            g = -MAX_DECAY * w_logits.sigmoid()
            y = apply_scan(chunked_corrected_sum, (r, k, v, -a * kappa, kappa, g), self.directions, size)
            y = functional.layer_norm(y, y.shape[-1:], eps=NORM_EPS) * weight + bias
            y = y + (r * k * r_k).sum(-1, keepdim=True) * v
        z: Tensor = self.out_proj(y.to(rows.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)

    def split_heads(self, rows: Tensor) -> Tensor:
        """Return (batch, positions, channels) as (batch, heads, positions, channels / heads)."""
        return rows.view(*rows.shape[:2], self.heads, -1).transpose(1, 2)


def reference(r: Tensor, k: Tensor, v: Tensor, write: Tensor, kappa: Tensor, g: Tensor) -> Tensor:
    """The state of RWKV-7, position by position (Peng et al. 2025, its WKV state transposed).

    S_t = diag(exp(g_t)) S_(t-1) + write_t (S_(t-1)^T kappa_t)^T + k_t v_t^T, y_t = S_t^T r_t.

    Args:
        r: the receptance, which reads the state.
        k: keys.
        v: values.
        write: minus the rate times kappa.
        kappa: what is removed from the state, of length one.
        g: log decay of each channel of k, zero or less.

    Returns:
        y at each position.

    Shape:
        - r, k, write, kappa, g: (batch, heads, positions, keys)
        - v, y: (batch, heads, positions, values)
    """
    state = r.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(r.shape[2]):
        removed = torch.einsum("bhk,bhkv->bhv", kappa[:, :, t], state)
        state = torch.einsum("bhk,bhkv->bhkv", g[:, :, t].exp(), state)
        state = state + torch.einsum("bhk,bhv->bhkv", write[:, :, t], removed)
        state = state + torch.einsum("bhk,bhv->bhkv", k[:, :, t], v[:, :, t])
        outputs.append(torch.einsum("bhk,bhkv->bhv", r[:, :, t], state))
    return torch.stack(outputs, 2)
