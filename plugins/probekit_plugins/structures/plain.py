"""The plain network of Courtois et al. 2022 (sections 5.2 and 5.3): a layer between 1x1 convolutions."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin.interfaces import Shape
from probekit_plugins.structures.blocks import Bottleneck, Builder, Nonlocal, Pointwise, build_convolution


class Plain(nn.Module):
    """Layers in sequence, at one scale.

    conv1x1, `depth` times [x + LS(layer(LN x)), then an inverted bottleneck], conv1x1: only the layer moves
    anything between positions. The paper's appendix is not public; this is recovered from the parameter
    counts of Tables 2 and 3, and exact for all their rows.

    Args:
        shape: channels and size of inputs and outputs.
        width: channels inside.
        layer: builder (channels, size, shared) -> Module, called `depth` times with one dict `shared`.
            Without it the network is pointwise: only the bottlenecks remain.
        depth: how many layers.
        norm: False leaves out LN and LS around the layer, as in Table 2.
        causal: nothing moves backwards. The layer must have a parameter `causal`, which not all have.
        conv: the side of a depthwise convolution before each layer, 0 for none. A short one contributes much
            to the success of sequence layers.

    Shape:
        (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        width: int,
        layer: Builder | None = None,
        depth: Annotated[int, Field(ge=1, le=1000)] = 1,
        norm: bool = True,
        causal: bool = False,
        conv: Annotated[int, Field(ge=0, le=64)] = 0,
    ) -> None:
        super().__init__()
        shared: dict[str, Any] = {}
        if causal and layer is not None:
            layer = partial(layer, causal=True)
        self.network = nn.Sequential(
            Pointwise(shape.inputs, width),
            *(
                block
                for _ in range(depth)
                for block in (
                    *([ShortConvolution(width, shape.size, conv, causal=causal)] if conv else []),
                    Bottleneck(width)
                    if layer is None
                    else Nonlocal(width, shape.size, layer, shared, norm=norm),
                )
            ),
            Pointwise(width, shape.outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.network(x)
        return y


class ShortConvolution(nn.Module):
    """A short convolution of each channel, added to it: x + depthwise(x).

    Source: the short convolutions of H3 (Fu et al. 2023) and of later layers.

    Args:
        channels: number of channels.
        size: of the map, (length,) or (height, width).
        side: of the kernel.
        causal: only positions up to each, along the last axis and, in 2-D, in the rows above.
    """

    def __init__(self, channels: int, size: tuple[int, ...], side: int, *, causal: bool) -> None:
        super().__init__()
        pad_before = side - 1 if causal else (side - 1) // 2
        self.padding = (pad_before, side - 1 - pad_before) * len(size)
        self.convolution = build_convolution(size, channels, channels, side, groups=channels)
        self.convolution.padding = (0,) * len(size)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convolution(functional.pad(x, self.padding))
        return x + y
