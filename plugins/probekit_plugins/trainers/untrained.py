"""The trainer that trains nothing: for networks that come with their weights, and for what chance scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from probekit.interfaces import Dataset, Probe, Row


class Untrained:
    """Leave a network as it was built."""

    version = 1
    expected_failures: Mapping[str, str] = {
        "it-ends": "it yields no row, as it takes no step",
        "weights-change-and-the-loss-falls": "it changes none",
        "resume-equals-no-interruption": "there is nothing to interrupt",
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
        """Return nothing, as nothing has to go on."""
        return {}
