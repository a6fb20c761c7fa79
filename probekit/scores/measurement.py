"""A measurement is what random test items show about a trained network beyond its scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probekit.plugin.interfaces import Dataset
from probekit.plugin.items import read_batch
from probekit.scores.score import eval_batch_size

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured.

    Attributes:
        numbers: By name.
        maps: By name, float32 (*size).
        items: How many test items, drawn at random, each number rests on, by its name.
        constant: Whether the network gives one answer to all inputs at all positions.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    maps: dict[str, Tensor] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    constant: bool = False


def draw_random_items(data: Dataset, count: int) -> tuple[Tensor, Tensor]:
    """Draw items of a split at random, without repetition, always the same ones.

    The first items of a split will not do: in reading order they lie in a few rows, or face one way.

    Args:
        data: The split.
        count: How many to draw; all items in random order if there are no more.

    Returns:
        Inputs and targets, (items, channels, *size) each.
    """
    import torch

    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    return read_batch(data, order[:count].tolist())


def eval_batches(inputs: Tensor) -> Iterator[Tensor]:
    """Yield inputs (batch, channels, *size) in evaluation batches."""
    step = eval_batch_size(inputs.shape[2:])
    return (inputs[start : start + step] for start in range(0, len(inputs), step))


def predict_all(model: nn.Module, inputs: Tensor, device: torch.device) -> Tensor:
    """Return a network's outputs for inputs (batch, channels, *size), float32 on the CPU."""
    import torch

    with torch.no_grad():
        chunks = [model(chunk.to(device).clone()).float().cpu() for chunk in eval_batches(inputs)]
    return torch.cat(chunks)
