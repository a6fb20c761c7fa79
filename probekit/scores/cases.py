"""Cases are the test items a network did worst, middling and best on, drawn beside the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.interfaces import Dataset, Metric, Probe
from probekit.items import batch
from probekit.plans.finite import finite
from probekit.scores.pictures import Strip, grid

if TYPE_CHECKING:
    from torch import Tensor, device
    from torch.nn import Module

HEADS = ("input", "truth", "prediction", "error")


def chosen(scores: Tensor, metric: Metric) -> list[tuple[str, int]]:
    """Return the two worst, the median and the best item, as (name, index); fewer where there are fewer.

    A metric that applies to no item chooses the first.
    """
    known = (~scores.isnan()).nonzero().flatten()
    ranks = scores[known].argsort(descending=metric.better == "lower", stable=True)
    order: list[int] = known[ranks].tolist() or [0]
    picks = {"best": len(order) - 1, "median": len(order) // 2, "second worst": 1, "worst": 0}
    names = {rank: name for name, rank in picks.items() if rank < len(order)}
    return [(names[rank], order[rank]) for rank in sorted(names)]


def said(score: float) -> str:
    """Return an item's score as its strip says it, "" where it has none."""
    return "" if finite(score) is None else f": {score:.4f}"


def drawn(probe: Probe, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return what is drawn of outputs: what the probe's `drawn` makes of them, or its `answer`, or they."""
    if hasattr(probe, "drawn"):
        made: Tensor = probe.drawn(outputs, targets)
        return made
    return probe.answer(outputs) if hasattr(probe, "answer") else outputs


def picture(title: str, model: Module, probe: Probe, data: Dataset, scores: Tensor, device: device) -> bytes:
    """Draw items chosen by their scores in the headline: input, truth, prediction, error; PNG bytes."""
    import torch

    metric = probe.metrics[0]
    named = chosen(scores, metric)
    inputs, targets = batch(data, [index for _, index in named])
    with torch.no_grad():
        outputs = drawn(probe, model(inputs.to(device).clone()).float().cpu(), targets)
    strips = [
        Strip(f"{name}\n#{index}{said(float(scores[index]))}", (given, truth, answer, answer - truth))
        for (name, index), given, truth, answer in zip(named, inputs, targets, outputs, strict=True)
    ]
    return grid(f"{title}: {metric.name} of test items", HEADS, strips, frozenset({"error"}))
