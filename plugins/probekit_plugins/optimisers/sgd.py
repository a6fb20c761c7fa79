"""Stochastic gradient descent with Nesterov's momentum (Sutskever et al., ICML 2013)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import torch
from pydantic import Field


def build_sgd(
    params: Iterable[dict[str, Any]],
    *,
    lr: float,
    weight_decay: float,
    momentum: Annotated[float, Field(gt=0, lt=1)] = 0.9,
) -> torch.optim.Optimizer:
    """Return the optimiser of torch.

    Args:
        params: groups of weights, each with its own weight decay.
        lr: the highest learning rate.
        weight_decay: of groups that state none.
        momentum: decay of the average of gradients.
    """
    return torch.optim.SGD(params, lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=True)
