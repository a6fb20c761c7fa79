"""Linear attention (Katharopoulos et al., "Transformers are RNNs", ICML 2020, arXiv:2006.16236), and with
random features the Performer (Choromanski et al., "Rethinking Attention with Performers", ICLR 2021,
arXiv:2009.14794)."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.gated_sum import chunked_gated_sum


class LinearAttention(Attention):
    """Attention by products of features, head by head; linear in positions.

        y_n = O (sum_m v_m phi(k_m)^T) phi(q_n) / (phi(q_n)^T sum_m phi(k_m))

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        features: "elu", phi = elu + 1; "favor", exp(w x - |x|^2 / 2) of x / d^(1/4), which approximates
            softmax attention.
        random: how many vectors w "favor" has. They are orthogonal in blocks, and drawn once.
        causal: the sums go up to each position.
        encoding: as in `Attention`; one that turns q and k does so before phi.

    Shape:
        (batch, channels, *size) to the same shape.
    """

    hooks: frozenset[str] = frozenset({"mix", "turn"})
    projection_matrix: Tensor

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        heads: PositiveInt = 8,
        features: Literal["elu", "favor"] = "elu",
        random: PositiveInt = 64,
        causal: bool = False,
        encoding: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__(channels, heads=heads, project_out=True, size=size, encoding=encoding)
        self.features, self.causal = features, causal
        if features == "favor":
            self.register_buffer("projection_matrix", draw_orthogonal(random, channels // heads))

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, features: str, random: int, **_: Any) -> str:
        """Return what random features amount to on a map: no saving, from half as many as positions on."""
        if features != "favor" or 2 * random < prod(size):
            return ""
        return (
            f"with {random} random features it takes at least as many operations as dense attention, so the "
            "features save nothing."
        )

    def phi(self, x: Tensor, max_axes: tuple[int, ...]) -> Tensor:
        """Return the features of x, all positive; "favor" scales the largest over `max_axes` to one."""
        if self.features == "elu":
            return functional.elu(x) + 1
        x = x * x.shape[-1] ** -0.25
        powers = x @ self.projection_matrix.to(x.dtype).mT - x.square().sum(-1, keepdim=True) / 2
        # a factor that queries share cancels; one of each key would not
        return (powers - powers.detach().amax(max_axes, keepdim=True)).exp()

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values, weighted by the products of features."""
        q, k, v = (part.to(torch.promote_types(part.dtype, torch.float32)) for part in parts)
        q, k = self.phi(q, (-1,)), self.phi(k, (-2, -1))
        v_and_one = torch.cat([v, torch.ones_like(v[..., :1])], -1)
        sums = chunked_gated_sum(q, k, v_and_one) if self.causal else q @ (k.mT @ v_and_one)
        # where vectors are so long that all products vanish, the answer is zero
        y: Tensor = sums[..., :-1] / sums[..., -1:].clamp(min=torch.finfo(sums.dtype).tiny)
        z: Tensor = y.to(parts[0].dtype)
        return z


def draw_orthogonal(count: int, size: int) -> Tensor:
    """Return random vectors (count, size), orthogonal in blocks of `size`, of the lengths of normal ones."""
    blocks = []
    for start in range(0, count, size):
        normal = torch.randn(size, size)
        rows = normal if normal.is_meta else torch.linalg.qr(normal)[0]
        blocks.append(rows[: min(size, count - start)])
    lengths: Tensor = torch.randn(count, size).norm(dim=1, keepdim=True)
    return torch.cat(blocks) * lengths
