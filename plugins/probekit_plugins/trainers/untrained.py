"""The trainer that does not train: for pretrained networks, and for the scores of chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from probekit.plugin.interfaces import Dataset, Probe, Row


class Untrained:
    """Leave a network unchanged."""

    version = 1
    expected_failures: Mapping[str, str] = {
        "it-ends": "it yields no row, as it takes no step",
        "weights-change-and-the-loss-falls": "it changes none",
        "resume-equals-no-interruption": "there is nothing to interrupt",
        "uses-its-seed": "it draws nothing",
    }

    def fit(
        self,
        model: nn.Module,
        probe: Probe,
        data: Dataset,
        *,
        seed: int,
        device: torch.device,
        state: Mapping[str, Any] | None = None,
    ) -> Iterator[Row]:
        """Yield nothing, as nothing happens."""
        yield from ()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing, as there is nothing to go on from."""
        return {}
