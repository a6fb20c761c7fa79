"""Optimisers change weights along gradients: AdamW, or Muon for hidden matrices and AdamW for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from probekit_plugins.trainers import muon

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Optimisers:
    """One step for all weights of a network: AdamW, or Muon and AdamW, each with its own learning rate.

    AdamW (Loshchilov and Hutter, ICLR 2019) decays only weights of two or more dimensions. Muon (Jordan et
    al. 2024, "Muon: An optimizer for hidden layers in neural networks") turns the momentum of a matrix into
    the nearest orthogonal one; its steps are scaled to the size of AdamW's, 0.2 sqrt(the longer side) (Liu et
    al. 2025, "Muon is Scalable for LLM Training").

    Args:
        weights: by name.
        hidden: the names of Muon's weights (see `list_hidden_matrices`); AdamW has the rest.
        lr: AdamW's highest rate.
        matrix_lr: Muon's highest rate.
        weight_decay: of both.

    Raises:
        UsageError: this torch has no Muon.
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
        self.optimisers_and_lrs: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.AdamW(groups, lr=lr, weight_decay=weight_decay, fused=fused), lr)
        ]
        self.hidden = [name for name in weights if name in hidden]
        self.names = {id(weight): name for name, weight in weights.items()}
        if self.hidden:
            matrices = [weights[name] for name in self.hidden]
            optimiser = muon.build_muon(matrices, lr=matrix_lr, weight_decay=weight_decay)
            self.optimisers_and_lrs.append((optimiser, matrix_lr))

    def step(self, lr_scale: float) -> None:
        """Take a step at this share of the highest rates."""
        for optimiser, highest_lr in self.optimisers_and_lrs:
            for group in optimiser.param_groups:
                group["lr"] = highest_lr * lr_scale
        (adamw, _), *muons = self.optimisers_and_lrs
        adamw.step()
        for optimiser, _ in muons:
            muon.take_step(optimiser)

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the moments of each optimiser by the parameters' names."""
        return [
            {names[number]: moments for number, moments in optimiser.state_dict()["state"].items()}
            for optimiser, names in self.list_parameter_names()
        ]

    def load_state_dict(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Load what `state_dict` returned, for weights of the same names."""
        for (optimiser, names), by_name in zip(self.list_parameter_names(), state, strict=True):
            moments = {number: by_name[name] for number, name in enumerate(names) if name in by_name}
            optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})

    def list_parameter_names(self) -> list[tuple[torch.optim.Optimizer, list[str]]]:
        """Return each optimiser with its parameters' names in the order of its numbers."""
        return [
            (
                optimiser,
                [self.names[id(weight)] for group in optimiser.param_groups for weight in group["params"]],
            )
            for optimiser, _ in self.optimisers_and_lrs
        ]


def list_hidden_matrices(model: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Return the names of the hidden matrices: weights of linear maps, as of `Pointwise`, except the head's.

    The head is the last linear map or convolution; its few rows should not become orthogonal. Kernels of
    convolutions stay with AdamW: a depthwise one is no matrix between channels, and with the others flattened
    to one row per output a U-Net did no better on nonlocality in as many steps. So do tables of positions and
    all other weights outside linear maps, and all weights of a network that has only convolutions.
    """
    modules = [module for module in model.modules() if isinstance(module, (nn.Linear, *CONVOLUTIONS))]
    candidates = [module.weight for module in modules]
    hidden = {id(weight) for weight in candidates if weight.ndim == 2 and weight is not candidates[-1]}
    return [name for name, weight in weights.items() if id(weight) in hidden]
