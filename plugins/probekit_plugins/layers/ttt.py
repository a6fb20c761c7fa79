"""TTT-Linear (Sun et al., "Learning to (Learn at Test Time): RNNs with Expressive Hidden States", 2024,
arXiv:2407.04620)."""

from __future__ import annotations

from functools import partial

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit_plugins.layers.multi_head import MultiHead
from probekit_plugins.layers.scan import Scan, apply_scan, scan_directions

NORM_EPS = 1e-6


class TTTLinear(MultiHead, nn.Module):
    """A linear model that learns while it reads, head by head.

        W_t = W_(t-1) - eta_t / 2 grad |f(k_t; W_(t')) - v_t|^2, y_t = f(q_t; W_t)
        f(x; W) = x + LN(W x + b)

    The state is a linear model with its bias b, which learns by gradient descent to map k to v. Gradients
    are taken at t', the start of each mini-batch of positions, so that these are computed at once. q, k and
    v are linear maps; eta is a sigmoid of a linear map, divided by the channels of a head. The first W and
    b, and the factors and offsets of LN, are learned for each head. y is normalised in each head, then
    mapped. The paper's convolutions belong to the structure (`plain(conv=4)`), its rotation of q and k within
    a mini-batch is left out. Linear in positions.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        heads: must divide the channels.
        mini_batch: how many positions there are in a mini-batch.
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
        mini_batch: PositiveInt = 16,
        scan: Scan = "both",
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.mini_batch = heads, mini_batch
        self.directions = scan_directions(scan, size, causal)
        per_head = channels // heads
        self.in_proj = nn.Linear(channels, 3 * channels)
        self.lr_proj = nn.Linear(channels, heads)
        self.W1 = nn.Parameter(0.02 * torch.randn(heads, per_head, per_head))
        self.b1 = nn.Parameter(torch.zeros(heads, 1, per_head))
        self.ttt_norm_weight = nn.Parameter(torch.ones(heads, 1, per_head))
        self.ttt_norm_bias = nn.Parameter(torch.zeros(heads, 1, per_head))
        self.norm_weight = nn.Parameter(torch.ones(per_head))
        self.out_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        qkv = self.in_proj(rows).view(*rows.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        rates = self.lr_proj(rows).mT.sigmoid()  # (batch, heads, positions)
        with torch.autocast(x.device.type, enabled=False):
            dtype = torch.promote_types(qkv.dtype, torch.float32)
            parts = (*qkv.to(dtype).unbind(), rates.to(dtype) / qkv.shape[-1])
            weights = [
                part.to(dtype) for part in (self.W1, self.b1, self.ttt_norm_weight, self.ttt_norm_bias)
            ]
            function = partial(learn_in_batches, weights=weights, mini_batch=self.mini_batch)
            y = apply_scan(function, parts, self.directions, x.shape[2:])
            y = functional.layer_norm(y, y.shape[-1:], self.norm_weight.to(dtype))
        z: Tensor = self.out_proj(y.to(rows.dtype).transpose(1, 2).flatten(2))
        return z.mT.reshape_as(x)


def learn_in_batches(
    q: Tensor, k: Tensor, v: Tensor, eta: Tensor, weights: list[Tensor], mini_batch: int
) -> Tensor:
    """Return what `reference` returns, each mini-batch at once."""
    w, b, scale, shift = weights
    w, b = (part.expand(len(q), *part.shape) for part in (w, b))
    outputs = []
    chunks = (torch.split(part, mini_batch, 2) for part in (q, k, v, eta[..., None]))
    for q_chunk, k_chunk, v_chunk, eta_chunk in zip(*chunks, strict=True):
        step = eta_chunk * norm_gradient(k_chunk @ w + b, v_chunk - k_chunk, scale, shift)
        # q W_t + b_t, where W_t and b_t miss the steps of the positions up to t
        scores = (q_chunk @ k_chunk.mT + 1).tril()
        hidden = q_chunk @ w + b - scores @ step
        outputs.append(
            q_chunk + functional.layer_norm(hidden, hidden.shape[-1:], eps=NORM_EPS) * scale + shift
        )
        w, b = w - k_chunk.mT @ step, b - step.sum(2, keepdim=True)
    return torch.cat(outputs, 2)


def norm_gradient(hidden: Tensor, target: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return the gradient of |LN(hidden) - target|^2 / 2 in hidden, LN with factors and offsets."""
    variance, mean = torch.var_mean(hidden, -1, correction=0, keepdim=True)
    deviation = (variance + NORM_EPS).sqrt()
    normed = (hidden - mean) / deviation
    gradient = (normed * scale + shift - target) * scale
    centred = gradient - gradient.mean(-1, keepdim=True)
    return (centred - normed * (gradient * normed).mean(-1, keepdim=True)) / deviation


def reference(q: Tensor, k: Tensor, v: Tensor, eta: Tensor, weights: list[Tensor], mini_batch: int) -> Tensor:
    """The learning state, position by position (Sun et al. 2024, equations 3 to 5 and section 2.4).

    W_t = W_(t-1) - eta_t G_t, y_t = f(q_t; W_t), with G_t the gradient of |f(k_t; W) - v_t|^2 / 2 at the W of
    the start of the mini-batch, and f(x; W) = x + LN(x W + b); b learns as W does.

    Args:
        q: what the state is applied to.
        k: inputs that the state learns from.
        v: their targets.
        eta: the rate of each position.
        weights: the first W and b, the factors and the offsets of LN, of each head.
        mini_batch: how many positions share the start of their gradients.

    Returns:
        y at each position.

    Shape:
        - q, k, v, y: (batch, heads, positions, channels / heads)
        - eta: (batch, heads, positions)
        - W: (heads, channels / heads, channels / heads); the others (heads, 1, channels / heads)
    """
    w, b, scale, shift = weights
    w, b = (part.expand(len(q), *part.shape) for part in (w, b))
    outputs = []
    for t in range(q.shape[2]):
        if t % mini_batch == 0:
            w_start, b_start = w, b
        q_t, k_t, v_t, eta_t = (part[:, :, t : t + 1] for part in (q, k, v, eta[..., None]))
        gradient = norm_gradient(k_t @ w_start + b_start, v_t - k_t, scale, shift)
        w, b = w - eta_t * k_t.mT @ gradient, b - eta_t * gradient
        hidden = q_t @ w + b
        outputs.append(q_t + functional.layer_norm(hidden, hidden.shape[-1:], eps=NORM_EPS) * scale + shift)
    return torch.cat(outputs, 2)
