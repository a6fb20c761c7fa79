"""Cases are the test items a network did worst, middling and best on, drawn beside the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.draw import Strip, grid
from probekit.interfaces import Dataset, Metric

if TYPE_CHECKING:
    from torch import Tensor, device
    from torch.nn import Module

HEADS = ("input", "truth", "prediction", "error")


def chosen(scores: Tensor, metric: Metric) -> list[tuple[str, int]]:
    """Return the two worst, the median and the best item, as (name, index); fewer where there are fewer items."""
    import torch

    known = torch.where(scores.isnan(), torch.zeros_like(scores), scores)
    order = known.argsort(descending=metric.better == "lower", stable=True).tolist()
    picks = [("worst", 0), ("second worst", 1), ("median", len(order) // 2), ("best", len(order) - 1)]
    return [(name, order[rank]) for name, rank in picks if rank < len(order)]


def picture(
    title: str, model: Module, data: Dataset, scores: Tensor, metric: Metric, device: device
) -> bytes:
    """Draw the chosen items: input, truth, prediction, error; PNG bytes."""
    import torch

    named = chosen(scores, metric)
    items = data.__getitems__([index for _, index in named])
    strips = []
    with torch.inference_mode():
        for (name, index), (inputs, target) in zip(named, items, strict=True):
            output = model(inputs[None].to(device))[0].float().cpu()
            label = f"{name}\n#{index}: {float(scores[index]):.4f}"
            strips.append(Strip(label, (inputs, target, output, output - target)))
    return grid(f"{title}: {metric.name} of test items", HEADS, strips, frozenset({"error"}))
