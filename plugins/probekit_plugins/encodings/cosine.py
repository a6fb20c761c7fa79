"""The cosine encoding of Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762, mixed
in three ways."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from probekit_plugins.encodings.decor import Decor

FREQUENCIES = 32


def cosine_frequencies(count: int) -> Tensor:
    """Return w_k = 10000^(-k / count), k = 0..count - 1, float64 in radians per position."""
    return 10000.0 ** (-torch.arange(count, dtype=torch.float64) / count)


def cosine_table(channels: int, size: tuple[int, ...]) -> Tensor:
    """Return P (channels, *size): cos(w x), sin(w x), cos(w y), sin(w y) of one frequency after the other."""
    frequencies = cosine_frequencies(-(-channels // (2 * len(size))))
    parts = []
    for axis in reversed(range(len(size))):
        phase = frequencies[:, None] * torch.arange(size[axis])
        phase = phase.view(-1, *(side if dim == axis else 1 for dim, side in enumerate(size)))
        parts += [phase.cos().expand(-1, *size), phase.sin().expand(-1, *size)]
    return torch.stack(parts, 1).flatten(0, 1)[:channels].to(torch.get_default_dtype())


class Cosine(nn.Module):
    """The cosine encoding P, mixed with the layer as Courtois et al. 2022 (section 5.2) compare it.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        keys: number of keys in each head.
        heads: number of heads of the layer.
        mix: "sum-qkv" adds P to the inputs of q, k and v, "sum-qv" to those of q and v; there P has as many
            channels as the map. "decor" leaves them alone and adds the y_pos of the Decor. rule, with P in
            eight bands as in `pe`.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        keys: int,
        heads: int,
        mix: Literal["sum-qkv", "sum-qv", "decor"] = "sum-qkv",
    ) -> None:
        super().__init__()
        self.mix_rule = mix
        self.decor = None
        if mix == "decor":
            self.decor = Decor(channels, size, cosine_frequencies(FREQUENCIES), keys=keys, heads=heads)
        else:
            self.register_buffer("table", cosine_table(channels, size), persistent=False)

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the inputs of q, k and v, of the shape of x (batch, channels, *size)."""
        if self.decor is not None:
            return x, x, x
        encoded = x + self.get_buffer("table")
        return encoded, encoded if self.mix_rule == "sum-qkv" else x, encoded

    def position(self, queries: object, keys: Tensor, values: object) -> Tensor:
        """Return y_pos (batch, channels, *size) from Kbar (batch, heads, keys, *size); zero unless decor."""
        if self.decor is not None:
            return self.decor.position(queries, keys, values)
        batch, _, _, *size = keys.shape
        return keys.new_zeros(1).expand(batch, self.get_buffer("table").shape[0], *size)
