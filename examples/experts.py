"""A layer that asks one of several experts at each position, and balances them by an auxiliary loss.

The loss is that of Fedus, Zoph and Shazeer, "Switch Transformers", JMLR 2022: `count` times the sum over
experts of the share of positions that chose one, times its mean chance. It is 1 where all are equally busy.

    probekit run nonlocality -s "unet+./examples/experts.py:Experts(count=4)" --scale smoke
"""

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

import probekit


class Experts(nn.Module):
    """At each position the linear map of the most likely expert, times its chance."""

    def __init__(
        self,
        channels: int,
        size: tuple[int, ...],
        *,
        count: PositiveInt = 4,
        balance: NonNegativeFloat = 0.01,
    ) -> None:
        super().__init__()
        self.count, self.balance = count, balance
        self.gate = nn.Linear(channels, count)
        self.experts = nn.Linear(channels, count * channels)

    def forward(self, x: Tensor) -> Tensor:
        positions = x.flatten(2).mT
        chances = self.gate(positions).softmax(-1)
        chance, chosen = chances.max(-1, keepdim=True)
        busy = functional.one_hot(chosen[..., 0], self.count).float()
        balance = self.count * (busy.mean((0, 1)) * chances.mean((0, 1))).sum()
        probekit.auxiliary_loss(self.balance * balance)
        answers = self.experts(positions).unflatten(-1, (self.count, -1))
        answer = torch.einsum("bpe,bpec->bpc", busy.to(answers.dtype), answers)
        return (chance * answer).mT.reshape(x.shape)
