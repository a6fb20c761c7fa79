"""The plain network of Courtois et al. 2022 (sections 5.2 and 5.3): a layer between 1x1 convolutions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from probekit.interfaces import Shape
from probekit_plugins.structures.blocks import Bottleneck, Builder, Nonlocal, Pointwise


class Plain(nn.Module):
    """Layers in a row, at one scale: (batch, inputs, *size) to (batch, outputs, *size), 1-D or 2-D.

    conv1x1, `depth` times [x + LS(layer(LN x)), then an inverted bottleneck], conv1x1: only the layer moves
    anything between positions. The paper's appendix is not public; this is recovered from the parameter
    counts of Tables 2 and 3, and exact for all their rows.
    width: channels inside. norm: False leaves LN and LS around the layer out, as Table 2 has it.
    layer: builder (channels, size, shared) -> Module, called `depth` times with one dict `shared`; without it
    the bottlenecks alone are left, a pointwise network.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        width: int,
        layer: Builder | None = None,
        depth: Annotated[int, Field(ge=1, le=1000)] = 1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        shared: dict[str, Any] = {}
        self.network = nn.Sequential(
            Pointwise(shape.inputs, width),
            *(
                Bottleneck(width) if layer is None else Nonlocal(width, shape.size, layer, shared, norm=norm)
                for _ in range(depth)
            ),
            Pointwise(width, shape.outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.network(x)
        return y
