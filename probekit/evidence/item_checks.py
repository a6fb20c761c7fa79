"""Checks of single items: each label is the only one possible, and the oracle finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from probekit.plugin.interfaces import Probe
from probekit.plugin.items import iterate_batches
from probekit.scores.pictures import GridRow, draw_grid
from probekit.scores.score import EVAL_BATCH_SIZE, mean_expected_score

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.runs.session import ProgressListener


class Check(BaseModel):
    """One check of a probe: whether it holds (None if it was not measured), and the evidence in words."""

    model_config = ConfigDict(frozen=True)

    name: str
    holds: bool | None
    evidence: str


def check_items(probe: Probe, items: int, watch: ProgressListener) -> tuple[list[Check], bytes]:
    """Check item by item that the label is unambiguous and that the oracle finds it.

    Three optional methods of a probe are used. `certified(inputs) -> {rule: (batch,) bool}` proves from an
    input that it has one label. `contents(inputs, targets) -> {name: (batch,) numbers}` describes an input.
    `ceiling(inputs) -> (batch,)` is the expected headline score of the best possible guesses, a share.

    Args:
        probe: The probe, whose training split is checked.
        items: How many items to check at most.
        watch: Receives progress events.

    Returns:
        The checks, and a PNG picture of the first item that fails, empty if none does.
    """
    import torch

    data = probe.data("train", 0)
    count = min(items, len(data))
    unproved: dict[str, int] = {}
    expected_scores: list[Tensor] = []
    contents: dict[str, list[Tensor]] = {}
    errors = 0
    picture = b""
    for indices, inputs, targets in iterate_batches(data, count, EVAL_BATCH_SIZE):
        answers = probe.oracle(inputs)
        wrong = (answers != targets).flatten(1).any(1)
        failed = wrong.clone()
        for rule, holds in probe.certified(inputs).items():
            unproved[rule] = unproved.get(rule, 0) + int((~holds).sum())
            failed |= ~holds
        for name, values in probe.contents(inputs, targets).items():
            contents.setdefault(name, []).append(values)
        if (expected := probe.ceiling(inputs)) is not None:
            expected_scores.append(expected)
        errors += int(wrong.sum())
        if not picture and bool(failed.any()):
            first = int((wrong if bool(wrong.any()) else failed).int().argmax())
            picture = draw_counterexample(indices[first], inputs[first], targets[first], answers[first])
        watch("examine", {"step": indices.stop, "steps": count})
    checks = []
    if unproved:
        rules = "; ".join(f"{rule}: {count - n:,} of {count:,}" for rule, n in unproved.items())
        checks.append(Check(name="unambiguous", holds=not any(unproved.values()), evidence=rules))
    evidence = f"the oracle is exact on {count - errors:,} of {count:,}"
    if (ceiling := mean_expected_score(expected_scores)) is not None:
        evidence += f"; the best possible solver expects {ceiling:.2%} in {probe.metrics[0].name}"
    checks.append(Check(name="well-posed", holds=errors == 0, evidence=evidence))
    if contents:
        parts = [describe_content(name, torch.cat(values).double()) for name, values in contents.items()]
        evidence = "an input holds " + ", ".join(parts)
        checks.append(Check(name="simple", holds=None, evidence=evidence))
    return checks, picture


def describe_content(name: str, values: Tensor) -> str:
    """Return the mean and the range of one number that describes inputs."""
    if values.isfinite().all():
        return f"{name} {values.mean():.3g} ({values.min():.3g} to {values.max():.3g})"
    return f"{name}, which is not finite for {int((~values.isfinite()).sum()):,}"


def draw_counterexample(index: int, inputs: Tensor, target: Tensor, answer: Tensor) -> bytes:
    """Draw an item that failed, as a PNG."""
    row = GridRow(f"item {index}", (inputs, target, answer, answer - target))
    heads = ("input", "label", "oracle's answer", "difference")
    return draw_grid("A label that the input does not determine", heads, [row], frozenset({"difference"}))
