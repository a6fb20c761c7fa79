"""Cases are the test items on which a network does worst, median and best, drawn with their truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from probekit.plans.finite import finite_or_none
from probekit.plugin.interfaces import Dataset, Metric, Probe
from probekit.plugin.items import read_batch
from probekit.scores.pictures import GridRow, draw_grid, is_one_hot

if TYPE_CHECKING:
    from torch import Tensor, device
    from torch.nn import Module

HEADS = ("input", "truth", "prediction", "error")
FIXED_ITEMS = 16
"""First test items whose answers every run stores, so that pages show networks on the same ones."""


def choose_extremes(scores: Tensor, better: str) -> list[tuple[str, int]]:
    """Choose the two worst items, the median item and the best item.

    Args:
        scores: One score per item, (items,); NaN where the metric does not apply.
        better: "higher" or "lower".

    Returns:
        Pairs (name, item index); fewer than four if there are fewer items. If the metric applies to no item,
        the first item.
    """
    scored_items = (~scores.isnan()).nonzero().flatten()
    ranking = scores[scored_items].argsort(descending=better == "lower", stable=True)
    order: list[int] = scored_items[ranking].tolist() or [0]
    picks = {"best": len(order) - 1, "median": len(order) // 2, "second worst": 1, "worst": 0}
    names = {rank: name for name, rank in picks.items() if rank < len(order)}
    return [(names[rank], order[rank]) for rank in sorted(names)]


def format_item_score(score: float) -> str:
    """Return an item's score for the label of its row, "" if there is none."""
    return "" if finite_or_none(score) is None else f": {score:.4f}"


def answer_cases(
    model: Module, probe: Probe, data: Dataset, scores: Tensor, device: device
) -> dict[str, Tensor]:
    """Run a network on the first test items and on the chosen ones.

    Args:
        model: The trained network.
        probe: The probe; its first metric chooses the items.
        data: The test split.
        scores: Headline score of each test item, (items,).
        device: Where the network lives.

    Returns:
        `index`, (items,) int64; `inputs`, `targets` and `answers`, (items, channels, *size) float16, the
        answers as they are drawn. They are for pictures; scores come from the outputs themselves.
    """
    import torch

    indices = list(range(min(FIXED_ITEMS, len(data))))
    indices += [
        index for _, index in choose_extremes(scores, probe.metrics[0].better) if index not in indices
    ]
    inputs, targets = read_batch(data, indices)
    with torch.no_grad():
        answers = probe.drawn(model(inputs.to(device).clone()).float().cpu(), targets)
    tensors = {"inputs": inputs, "targets": targets, "answers": answers}
    limit = torch.finfo(torch.float16).max
    halves = {name: values.clamp(-limit, limit).half().contiguous() for name, values in tensors.items()}
    return {"index": torch.tensor(indices), **halves}


def draw_cases(title: str, metric: Metric, cases: Mapping[str, Tensor], scores: Tensor) -> bytes:
    """Draw input, truth, prediction and error of the chosen test items.

    Args:
        title: Text above the picture.
        metric: The headline metric, which chooses the items.
        cases: What `answer_cases` returns.
        scores: Headline score of each test item, (items,).

    Returns:
        A PNG file.
    """
    positions = {index: position for position, index in enumerate(cases["index"].tolist())}
    rows = []
    for name, index in choose_extremes(scores, metric.better):
        image, truth, answer = (
            cases[part][positions[index]].float() for part in ("inputs", "targets", "answers")
        )
        answer = clear_unscored(answer, truth)
        label = f"{name}\n#{index}{format_item_score(float(scores[index]))}"
        rows.append(GridRow(label, (image, truth, answer, answer - truth)))
    return draw_grid(f"{title}: {metric.name} of test items", HEADS, rows, frozenset({"error"}))


def clear_unscored(answer: Tensor, truth: Tensor) -> Tensor:
    """Return an answer of classes with zeros where the truth has no class, since no metric scores it there.

    A network answers at every position. Drawn as errors, answers without a score would hide the others.

    Args:
        answer: The answer, (channels, *size).
        truth: The truth, of the same shape.

    Returns:
        The answer; as it is unless it has one class at each position and the truth at most one.
    """
    classes = answer.numpy()
    if is_one_hot(truth.numpy()) and is_one_hot(classes) and (classes.sum(0) == 1).all():
        return answer * truth.any(0)
    return answer
