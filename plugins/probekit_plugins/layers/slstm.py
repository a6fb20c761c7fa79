"""sLSTM, the scalar memory of xLSTM (Beck et al., "xLSTM: Extended Long Short-Term Memory", NeurIPS 2024,
arXiv:2405.04517)."""

from __future__ import annotations

from functools import partial

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class SLSTM(MultiHead, nn.Module):
    """A scalar memory c with exponential gates, channel by channel.

        c_t = f_t c_(t-1) + i_t z_t, n_t = f_t n_(t-1) + i_t, h_t = o_t c_t / n_t

    z is the tanh, i the exp, f and o the sigmoid of a linear map of the input plus one of h_(t-1), which
    mixes the channels of a head. The maps of h start as zero, the biases of f as 3 to 6. h is normalised in
    each head, then mapped. Such a layer cannot be computed in parallel: it goes from position to position.
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
        self.in_proj = nn.Linear(channels, 4 * channels)
        with torch.no_grad():
            self.in_proj.bias[2 * channels : 3 * channels].copy_(torch.linspace(3.0, 6.0, channels))
        self.recurrent_weight = nn.Parameter(torch.zeros(heads, channels // heads, 4 * (channels // heads)))
        self.norm_weight = nn.Parameter(torch.ones(channels // heads))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        gates = self.in_proj(rows).view(*rows.shape[:2], 4, self.heads, -1).permute(0, 3, 1, 2, 4)
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(gates.dtype, torch.float32)
            function = partial(recurrent_slstm, weight=self.recurrent_weight.to(dtype))
            h = apply_scan(function, (gates.to(dtype).flatten(3),), self.directions, x.shape[2:])
            h = functional.layer_norm(h, h.shape[-1:], self.norm_weight.to(dtype))
        z: Tensor = self.out_proj(h.to(rows.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def recurrent_slstm(gates: Tensor, weight: Tensor) -> Tensor:
    """Return what `reference` returns.

    The memory and its normaliser are divided by exp(m), with m the largest exponent so far; the answer does
    not depend on m.
    """
    h = c = n = gates.new_zeros(*gates.shape[:2], gates.shape[3] // 4)
    m = torch.full_like(h, -torch.inf)
    outputs = []
    for inputs in gates.unbind(2):
        z, i, f, o = (inputs + (h[:, :, None] @ weight).squeeze(2)).chunk(4, 2)
        f = functional.logsigmoid(f) + m
        m = torch.maximum(f, i).detach()
        forget, write = (f - m).exp(), (i - m).exp()
        c, n = forget * c + write * z.tanh(), forget * n + write
        h = o.sigmoid() * c / n
        outputs.append(h)
    return torch.stack(outputs, 2)


# torch.compile must not trace a loop over positions; the decorator torch.compiler.disable is slow to import
recurrent_slstm._torchdynamo_disable = True  # type: ignore[attr-defined]


def reference(gates: Tensor, weight: Tensor) -> Tensor:
    """The scalar memory, position by position (Beck et al. 2024, equations 8 to 14, not stabilised).

    c_t = f_t c_(t-1) + i_t z_t, n_t = f_t n_(t-1) + i_t, h_t = o_t c_t / n_t, where z = tanh, i = exp, f and
    o = sigmoid of the input's term plus R^T h_(t-1).

    Args:
        gates: the input's terms of z, i, f and o, one after the other.
        weight: R of each head, what h adds to these terms.

    Returns:
        h at each position.

    Shape:
        - gates: (batch, heads, positions, 4 * channels / heads)
        - weight: (heads, channels / heads, 4 * channels / heads)
        - h: (batch, heads, positions, channels / heads)
    """
    h = c = n = gates.new_zeros(*gates.shape[:2], weight.shape[1])
    outputs = []
    for t in range(gates.shape[2]):
        z, i, f, o = (gates[:, :, t] + torch.einsum("bhk,hkg->bhg", h, weight)).chunk(4, 2)
        c = f.sigmoid() * c + i.exp() * z.tanh()
        n = f.sigmoid() * n + i.exp()
        h = o.sigmoid() * c / n
        outputs.append(h)
    return torch.stack(outputs, 2)
