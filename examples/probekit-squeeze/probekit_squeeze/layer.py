from torch import nn


class Squeeze(nn.Sequential):
    """x * sigmoid(W2 ReLU(W1 mean(x))): (batch, channels, *size) to the same shape, in 1-D and 2-D."""

    def __init__(self, channels, size, *, ratio: int = 4):
        inside = max(1, channels // ratio)
        super().__init__(nn.Linear(channels, inside), nn.ReLU(), nn.Linear(inside, channels), nn.Sigmoid())

    def forward(self, x):
        gates = super().forward(x.flatten(2).mean(2))
        return x * gates.view(*gates.shape, *[1] * (x.ndim - 2))
