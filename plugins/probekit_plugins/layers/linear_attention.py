"""Linear attention (Katharopoulos et al., "Transformers are RNNs", ICML 2020), and with random features the
Performer (Choromanski et al., "Rethinking Attention with Performers", ICLR 2021)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention
from probekit_plugins.layers.decayed import decayed


class LinearAttention(Attention):
    """y_n = O phi(q_n) sum_m phi(k_m) v_m / phi(q_n) sum_m phi(k_m), head by head.

    (batch, channels, *size) to the same shape, linear in positions. features: "elu", phi = elu + 1; "favor",
    exp(w x - |x|^2 / 2) of x / d^(1/4) for `random` vectors w, orthogonal in blocks and drawn once, which
    approximates softmax attention. heads: must divide channels. causal: the sums go up to each position.
    encoding: as `Attention` has it; one that turns q and k does so before phi.
    """

    hooks: frozenset[str] = frozenset({"mix", "turn"})
    directions: Tensor

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
        super().__init__(channels, heads=heads, out=True, size=size, encoding=encoding)
        self.features, self.causal = features, causal
        if features == "favor":
            self.register_buffer("directions", orthogonal(random, channels // heads))

    def phi(self, x: Tensor, among: tuple[int, ...]) -> Tensor:
        """Return the features of x, all positive; what is largest `among` these axes is one at the most."""
        if self.features == "elu":
            return functional.elu(x) + 1
        x = x * x.shape[-1] ** -0.25
        powers = x @ self.directions.to(x.dtype).mT - x.square().sum(-1, keepdim=True) / 2
        # a factor that queries share cancels; one of each key would not
        return (powers - powers.detach().amax(among, keepdim=True)).exp()

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values, weighed by the products of features."""
        q, k, v = (part.to(torch.promote_types(part.dtype, torch.float32)) for part in parts)
        q, k = self.phi(q, (-1,)), self.phi(k, (-2, -1))
        counted = torch.cat([v, torch.ones_like(v[..., :1])], -1)
        sums = decayed(q, k, counted) if self.causal else q @ (k.mT @ counted)
        # of vectors so long that all products vanish nothing is left
        y: Tensor = sums[..., :-1] / sums[..., -1:].clamp(min=torch.finfo(sums.dtype).tiny)
        z: Tensor = y.to(parts[0].dtype)
        return z


def orthogonal(count: int, size: int) -> Tensor:
    """Return random vectors (count, size), orthogonal in blocks of `size`, of the lengths of normal ones."""
    blocks = []
    for start in range(0, count, size):
        drawn = torch.randn(size, size)
        rows = drawn if drawn.is_meta else torch.linalg.qr(drawn)[0]
        blocks.append(rows[: min(size, count - start)])
    lengths: Tensor = torch.randn(count, size).norm(dim=1, keepdim=True)
    return torch.cat(blocks) * lengths
