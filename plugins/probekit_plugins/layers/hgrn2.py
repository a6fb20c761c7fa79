"""HGRN2 (Qin et al., "HGRN2: Gated Linear RNNs with State Expansion", COLM 2024, arXiv:2404.07904)."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.gla import chunked_gla
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions


class HGRN2(Attention):
    """A state that writes as much as it forgets, head by head.

        S_t = diag(f_t) S_(t-1) + (1 - f_t) i_t^T, y_t = O norm(S_t^T SiLU(o_t))

    What a channel forgets is what it writes, so that there are no keys. o and i are linear maps. f is
    gamma + (1 - gamma) sigmoid(linear map), with a lower bound gamma of each channel. In the paper gamma is
    learned and grows from layer to layer; a layer of ours does not know its depth, so gamma is a sigmoid of a
    learned number, one half at first. Linear in positions.

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
        super().__init__(channels, heads=heads, project_out=True)
        self.size, self.directions = size, scan_directions(scan, size, causal)
        self.lower_bound = nn.Parameter(torch.zeros(heads, 1, channels // heads))
        self.norm_weight = nn.Parameter(torch.ones(channels // heads))

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return y, normalised in each head, from o, the logits of f, and i."""
        dtype = torch.promote_types(parts[0].dtype, torch.float32)
        o, logits, i = (part.to(dtype) for part in parts)
        with torch.autocast(o.device.type, enabled=False):
            bound = self.lower_bound.to(dtype)
            # log f and 1 - f, each without the loss of digits that f alone has near zero and one
            log_rest = functional.logsigmoid(-bound) + functional.logsigmoid(logits)
            g = torch.logaddexp(functional.logsigmoid(bound), log_rest)
            written = (-bound).sigmoid() * (-logits).sigmoid()
            y = apply_scan(chunked_gla, (functional.silu(o), written, i, g), self.directions, self.size)
            y = functional.rms_norm(y, y.shape[-1:], self.norm_weight.to(dtype))
        z: Tensor = y.to(parts[0].dtype)
        return z


def reference(o: Tensor, written: Tensor, i: Tensor, g: Tensor) -> Tensor:
    """The expanded state, position by position (Qin et al. 2024, equation 8).

    S_t = diag(f_t) S_(t-1) + (1 - f_t) i_t^T, y_t = S_t^T o_t.

    Args:
        o: the output gate, which reads the state.
        written: 1 - f.
        i: inputs.
        g: log f.

    Returns:
        y at each position.

    Shape:
        - o, written, g: (batch, heads, positions, keys)
        - i, y: (batch, heads, positions, values)
    """
    state = o.new_zeros(*o.shape[:2], o.shape[-1], i.shape[-1])
    outputs = []
    for t in range(o.shape[2]):
        state = torch.einsum("bhk,bhkv->bhkv", g[:, :, t].exp(), state)
        state = state + torch.einsum("bhk,bhv->bhkv", written[:, :, t], i[:, :, t])
        outputs.append(torch.einsum("bhk,bhkv->bhv", o[:, :, t], state))
    return torch.stack(outputs, 2)
