"""Layers, encodings and structures that mix what must stay apart: batches, time, axes, and their input."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from broken_parts.layers import Good
from broken_parts.structures import Encoding, Structure
from probekit import Shape


def along(values: Tensor, like: Tensor) -> Tensor:
    """Return one value per item, in the shape of a batch."""
    return values.view(-1, *[1] * (like.ndim - 1))


class ChangesInput(Good):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        x.data.mul_(2)
        return y


class ActivatesInput(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.relu_(x.detach())


class InPlace(Good):
    """It changes a tensor that its own gradient needs."""

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        z = torch.exp(y)
        z += 1
        return z


class MixesInTraining(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y - y.mean(0) if self.training else y


class MixesLargeBatches(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + y[8:].sum(0) if len(y) > 8 else y


class CountsItems(Good):
    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return y + 0.1 * along(torch.arange(len(y)).float(), y)


class Sized(Good):
    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        assert all(side % 16 == 0 for side in size), "sides must be multiples of 16"
        super().__init__(channels, size)


class Late(Good):
    """A parameter is registered in the first forward."""

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        if not hasattr(self, "scale"):
            self.scale = nn.Parameter(torch.ones(()))
        return y * self.scale


class Growing(Good):
    """A buffer grows with each step."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.register_buffer("seen", torch.zeros(1))

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        self.seen = torch.cat([self.seen, torch.zeros(1)])
        return y


class Causal(Good):
    """A causal layer that keeps every promise: a running mean."""

    def __init__(self, channels: int, size: tuple[int, ...], *, causal: bool = False) -> None:
        super().__init__(channels, size)
        self.causal = causal

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        rows = y.flatten(2)
        return (self.before(rows) if self.causal else rows.mean(-1, keepdim=True) + rows).reshape(y.shape)

    def before(self, rows: Tensor) -> Tensor:
        return rows.cumsum(-1) / torch.arange(1, rows.shape[-1] + 1)


class Heedless(Causal):
    def before(self, rows: Tensor) -> Tensor:
        return rows + rows.mean(-1, keepdim=True)


class Ahead(Causal):
    def before(self, rows: Tensor) -> Tensor:
        return super().before(rows).roll(-1, -1)


class Chunked(Causal):
    """It is causal where its chunks of 64 fit, and looks ahead in a last, shorter one."""

    def before(self, rows: Tensor) -> Tensor:
        whole = rows.shape[-1] // 64 * 64
        return torch.cat([super().before(rows)[..., :whole], rows[..., whole:].flip(-1)], -1)


class Padded(Causal):
    def before(self, rows: Tensor) -> Tensor:
        return nn.functional.avg_pool1d(rows, 3, 1, 1)


class Normalized(Causal):
    def before(self, rows: Tensor) -> Tensor:
        return super().before(rows) / rows.std(-1, keepdim=True)


class Swallowing(nn.Module):
    """It takes any option, `causal` too, and ignores it."""

    def __init__(self, channels: int, size: tuple[int, ...], **options: Any) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x + x.flatten(2).mean(-1).view(*x.shape[:2], *[1] * (x.ndim - 2))


class Normal(Good):
    """Batch norm is no fault."""

    def __init__(self, channels: int, size: tuple[int, ...]) -> None:
        super().__init__(channels, size)
        self.norm = nn.BatchNorm1d(channels)

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        return self.norm(y.flatten(2)).reshape(y.shape)


class Dropping(Good):
    """Dropout is no fault, nor is dropping whole items."""

    def use(self, x: Tensor, y: Tensor) -> Tensor:
        if not self.training:
            return y
        return nn.functional.dropout(y, 0.1) * along((torch.rand(len(y)) > 0.1).float(), y)


class OneAxis(Encoding):
    """It depends on the position along some axes only."""

    kept = (-1,)

    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        others = [axis for axis in range(1, self.table.ndim) if axis - self.table.ndim not in self.kept]
        y = x + (self.table.mean(others, keepdim=True) if others else self.table)
        return y, y, y


class RowsOnly(OneAxis):
    kept = (-2,)


class NoAxis(OneAxis):
    kept = ()


class BatchEncoding(Encoding):
    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return x + self.table + x.mean(0), x + self.table, x + self.table


class AheadEncoding(Encoding):
    def mix(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = x + self.table + x.roll(-1, -1)
        return y, y, y


class CausalStructure(Structure):
    """A structure that pads on both sides, whatever `causal` says."""

    def __init__(self, shape: Shape, *, width: int, layer: Any = None, causal: bool = False) -> None:
        super().__init__(shape, width=width, layer=layer)
        convolution = nn.Conv1d if len(shape.size) == 1 else nn.Conv2d
        self.first = convolution(shape.inputs, width, 3, padding=1)


class StructureInPlace(Structure):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        x.data.zero_()
        return y


class StructureOfBatches(Structure):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + x.mean()
