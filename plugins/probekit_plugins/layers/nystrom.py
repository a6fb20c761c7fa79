"""Nystrom attention (Xiong et al., "Nystromformer", AAAI 2021)."""

from __future__ import annotations

from math import prod

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


class Nystrom(Attention):
    """y = softmax(q k'^T) pinv(softmax(q' k'^T)) softmax(q' k^T) v, all scaled by 1 / sqrt(d), head by head.

    (batch, channels, *size) to the same shape. Time and memory are linear in positions. The landmarks q', k'
    are means over segments of positions in a row, all positions where there are no more than landmarks; two
    neighbouring segments share a position where the landmarks do not divide the positions.
    heads: must divide channels. iterations: of the pseudo-inverse, six in the paper.
    """

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        landmarks: PositiveInt = 32,
        heads: PositiveInt = 8,
        iterations: PositiveInt = 6,
    ) -> None:
        super().__init__(channels, heads=heads)
        self.landmarks = min(landmarks, prod(size))
        self.iterations = iterations

    def attend(self, *parts: Tensor) -> Tensor:
        """Return the values as the landmarks pass them on."""
        q, k, v = parts
        q_few, k_few = (functional.adaptive_avg_pool2d(each, (self.landmarks, None)) for each in (q, k))
        with torch.autocast(q.device.type, enabled=False):  # half precision would not converge
            kind = torch.promote_types(q.dtype, torch.float32)
            scores = q_few.to(kind) @ k_few.to(kind).mT * q.shape[-1] ** -0.5
            inverse = pseudo_inverse(scores.softmax(-1), self.iterations).to(v.dtype)
        # attention twice: the landmarks read the values, the positions read the landmarks
        read = functional.scaled_dot_product_attention(q_few, k, v)
        return functional.scaled_dot_product_attention(q, k_few, inverse @ read)


def pseudo_inverse(matrix: Tensor, iterations: int) -> Tensor:
    """Return the Moore-Penrose inverse of each matrix (..., n, n), iterated (ibid., section 3.2)."""
    whole = matrix.sum(-1).amax(-1) * matrix.sum(-2).amax(-1)
    inverse = matrix.mT / whole[..., None, None]
    one = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    for _ in range(iterations):
        near = matrix @ inverse
        inverse = inverse @ (13 * one - near @ (15 * one - near @ (7 * one - near))) / 4
    return inverse
