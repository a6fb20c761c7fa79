"""Optimisers change weights along gradients: AdamW alone, or Muon on the hidden matrices beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from probekit_plugins.trainers import muon

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Optimisers:
    """One step for all weights of a network: AdamW, or Muon and AdamW, each at a rate of its own.

    AdamW (Loshchilov and Hutter, ICLR 2019) decays weights of two or more dimensions alone. Muon (Jordan et
    al. 2024, "Muon: An optimizer for hidden layers in neural networks") turns the momentum of a matrix into
    the nearest orthogonal one; its steps are scaled to the size of AdamW's, 0.2 sqrt(the longer side) (Liu et
    al. 2025, "Muon is Scalable for LLM Training"). Which weights it is given `matrices` says; AdamW has the
    rest. Raises UsageError where this torch has no Muon.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        hidden: Sequence[str],
        *,
        lr: float,
        matrix_lr: float,
        weight_decay: float,
    ) -> None:
        rest = [weight for name, weight in weights.items() if name not in hidden]
        groups: list[dict[str, Any]] = [
            {"params": [weight for weight in rest if weight.ndim > 1]},
            {"params": [weight for weight in rest if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        fused = not any(weight.is_complex() for weight in rest)  # the fused step refuses complex weights
        self.own: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay, fused=fused), lr)
        ]
        self.hidden = [name for name in weights if name in hidden]
        self.names = {id(weight): name for name, weight in weights.items()}
        if self.hidden:
            turned = [weights[name] for name in self.hidden]
            self.own.append((muon.muon(turned, lr=matrix_lr, weight_decay=weight_decay), matrix_lr))

    def step(self, share: float) -> None:
        """Take a step at this share of the highest rates."""
        for optimiser, highest in self.own:
            for group in optimiser.param_groups:
                group["lr"] = highest * share
        adamw, *turning = self.own
        adamw[0].step()
        for optimiser, _ in turning:
            muon.step(optimiser)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the moments that each optimiser keeps, by the name of the parameter."""
        return [
            {names[number]: moments for number, moments in optimiser.state_dict()["state"].items()}
            for optimiser, names in self.named()
        ]

    def load_state_dict(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from what state_dict gave, for weights of the same names."""
        for (optimiser, names), kept in zip(self.named(), state, strict=True):
            moments = {number: kept[name] for number, name in enumerate(names) if name in kept}
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})

    def named(self) -> list[tuple[torch.optim.Optimizer, list[str]]]:
        """Return each optimiser with its parameters' names in the order in which it numbers them."""
        return [
            (
                optimiser,
                [self.names[id(weight)] for group in optimiser.param_groups for weight in group["params"]],
            )
            for optimiser, _ in self.own
        ]


def matrices(model: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the hidden matrices: weights of linear maps, as of `Pointwise`, but the head's.

    The head is the last linear map or convolution; its few rows are not to be made orthogonal. Kernels of
    convolutions stay with AdamW: a depthwise one is no matrix between channels, and with the others flattened
    to a row an output a U-Net did no better on nonlocality in as many steps. So do tables of positions and
    all that no linear map holds, and the whole of a network of convolutions alone.
    """
    found = [module.weight for module in model.modules() if isinstance(module, (nn.Linear, *CONVOLUTIONS))]
    hidden = {id(weight) for weight in found if weight.ndim == 2 and weight is not found[-1]}
    return [name for name, weight in weights.items() if id(weight) in hidden]
