"""Cases are the test items on which a network does worst, average and best, drawn with their truth."""

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
    """Choose the two worst items, the median item and the best item.

    Args:
        scores: One score per item, (items,); NaN where the metric does not apply.
        metric: The metric that the scores belong to.

    Returns:
        Pairs (name, item index); fewer than four if there are fewer items. If the metric applies to no item,
        the first item.
    """
    scored_items = (~scores.isnan()).nonzero().flatten()
    ranking = scores[scored_items].argsort(descending=metric.better == "lower", stable=True)
    order: list[int] = scored_items[ranking].tolist() or [0]
    picks = {"best": len(order) - 1, "median": len(order) // 2, "second worst": 1, "worst": 0}
    names = {rank: name for name, rank in picks.items() if rank < len(order)}
    return [(names[rank], order[rank]) for rank in sorted(names)]


def format_item_score(score: float) -> str:
    """Return an item's score for the label of its row, "" if there is none."""
    return "" if finite(score) is None else f": {score:.4f}"


def drawn(probe: Probe, outputs: Tensor, targets: Tensor) -> Tensor:
    """Convert outputs to what a picture shows: by the probe's `drawn` or `answer`, if it has one."""
    if hasattr(probe, "drawn"):
        display: Tensor = probe.drawn(outputs, targets)
        return display
    return probe.answer(outputs) if hasattr(probe, "answer") else outputs


def draw_cases(
    title: str, model: Module, probe: Probe, data: Dataset, scores: Tensor, device: device
) -> bytes:
    """Draw input, truth, prediction and error of the chosen test items.

    Args:
        title: Text above the picture.
        model: The trained network.
        probe: The probe; its first metric chooses the items.
        data: The test split.
        scores: Headline score of each test item, (items,).
        device: Where the network lives.

    Returns:
        A PNG file.
    """
    import torch

    metric = probe.metrics[0]
    cases = chosen(scores, metric)
    inputs, targets = batch(data, [index for _, index in cases])
    with torch.no_grad():
        outputs = drawn(probe, model(inputs.to(device).clone()).float().cpu(), targets)
    labels = [f"{name}\n#{index}{format_item_score(float(scores[index]))}" for name, index in cases]
    rows = [
        Strip(label, (image, truth, output, output - truth))
        for label, image, truth, output in zip(labels, inputs, targets, outputs, strict=True)
    ]
    return grid(f"{title}: {metric.name} of test items", HEADS, rows, frozenset({"error"}))
