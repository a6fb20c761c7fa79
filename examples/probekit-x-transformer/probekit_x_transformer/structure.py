"""The transformer encoder (Vaswani et al., NeurIPS 2017) as x-transformers builds it, a position a token."""

from math import prod

from torch import nn
from x_transformers import ContinuousTransformerWrapper, Encoder


class XTransformer(nn.Module):
    """(batch, inputs, *size) to (batch, outputs, *size), with learned absolute positions."""

    def __init__(self, shape, *, width: int, depth: int = 3, heads: int = 4):
        super().__init__()
        encoder = Encoder(dim=width, depth=depth, heads=heads, attn_dim_head=width // heads)
        self.network = ContinuousTransformerWrapper(
            dim_in=shape.inputs, dim_out=shape.outputs, max_seq_len=prod(shape.size), attn_layers=encoder
        )

    @staticmethod
    def width_step(*, heads: int = 4, **_):
        """Return what the width must be a multiple of."""
        return heads

    def forward(self, x):
        y = self.network(x.flatten(2).mT).mT
        return y.reshape(*y.shape[:2], *x.shape[2:])
