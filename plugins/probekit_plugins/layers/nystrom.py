"""Nystrom attention (Xiong et al., "Nystromformer", AAAI 2021, arXiv:2102.03902)."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor
from torch.nn import functional

from probekit_plugins.layers.attention import Attention


class Nystrom(Attention):
    """Attention through landmarks, head by head; all products are scaled by 1 / sqrt(d).

        y = softmax(q k'^T) pinv(softmax(q' k'^T)) softmax(q' k^T) v

    The landmarks q', k' are means over segments of consecutive positions. They are all positions where there
    are no more than landmarks. Where the landmarks do not divide the positions, two neighbouring segments
    share a position. Time and memory are linear in positions.

    pinv is iterated, and the paper's six steps end far from it: for softmax matrices of 8 to 64 landmarks
    with random scores, the result differs from the exact pseudo-inverse by 0.93 to 1.00 of its norm. Twenty
    steps come close in most cases, but the exact one amplifies small singular values: with sharp scores, the
    answer is then many times further from dense attention. The paper's convolution of the values, added to y,
    and its last linear map are left out.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        landmarks: how many.
        heads: must divide the channels.
        iterations: of the pseudo-inverse; six in the paper.

    Shape:
        (batch, channels, *size) to the same shape.
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

    @staticmethod
    def degenerate_at(size: tuple[int, ...], *, landmarks: int, **_: Any) -> str:
        """Return what landmarks amount to on a map: nothing, from half as many as positions on."""
        positions = prod(size)
        if landmarks >= positions:
            return (
                "every position is a landmark. This is dense attention up to the error of the iterated "
                "pseudo-inverse, at more operations than dense attention takes."
            )
        if 2 * landmarks >= positions:
            return (
                f"with {landmarks} landmarks it takes at least as many operations as dense attention, so "
                "landmarks save nothing."
            )
        return ""

    def attend_heads(self, *parts: Tensor) -> Tensor:
        """Return the values that reach each position through the landmarks."""
        q, k, v = parts
        q_landmarks, k_landmarks = (
            functional.adaptive_avg_pool2d(part, (self.landmarks, None)) for part in (q, k)
        )
        with torch.autocast(q.device.type, enabled=False):  # half precision would not converge
            dtype = torch.promote_types(q.dtype, torch.float32)
            scores = q_landmarks.to(dtype) @ k_landmarks.to(dtype).mT * q.shape[-1] ** -0.5
            inverse = pseudo_inverse(scores.softmax(-1), self.iterations).to(v.dtype)
        # attention twice: the landmarks read the values, the positions read the landmarks
        landmark_values = functional.scaled_dot_product_attention(q_landmarks, k, v)
        return functional.scaled_dot_product_attention(q, k_landmarks, inverse @ landmark_values)


def pseudo_inverse(matrix: Tensor, iterations: int) -> Tensor:
    """Return the Moore-Penrose inverse of each matrix (..., n, n), iterated (Xiong et al., section 3.2)."""
    bound = matrix.sum(-1).amax(-1) * matrix.sum(-2).amax(-1)
    inverse = matrix.mT / bound[..., None, None]
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    for _ in range(iterations):
        product = matrix @ inverse
        inverse = (
            inverse @ (13 * identity - product @ (15 * identity - product @ (7 * identity - product))) / 4
        )
    return inverse
