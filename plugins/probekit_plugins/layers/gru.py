"""The gated recurrent unit (Cho et al., "Learning Phrase Representations using RNN", EMNLP 2014)."""

from __future__ import annotations

from torch import Tensor, nn


class GRU(nn.Module):
    """One state, moved by each position in turn: (batch, channels, *size) to the same shape.

    Positions are taken in reading order; linear in them, one after the other. causal: all channels go
    forwards, else half of them go backwards.
    """

    def __init__(self, channels: int, size: tuple[int, ...], *, causal: bool = False) -> None:
        super().__init__()
        back = 0 if causal else channels // 2
        self.forwards = nn.GRU(channels, channels - back, batch_first=True)
        self.backwards = nn.GRU(channels, back, batch_first=True) if back else None

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(2).mT
        y = self.forwards(rows)[0]
        if self.backwards is not None:
            y = nn.functional.pad(y, (0, self.backwards.hidden_size)) + nn.functional.pad(
                self.backwards(rows.flip(1))[0].flip(1), (y.shape[2], 0)
            )
        z: Tensor = y.mT.reshape_as(x)
        return z
