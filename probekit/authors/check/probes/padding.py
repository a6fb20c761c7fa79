"""Checks of a probe whose items have different lengths: its mask, its padding, and what counts there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.probes.data import ProbeFixture
from probekit.plans.golden import list_splits
from probekit.scores.score import evaluate_metric

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.plugin.interfaces import Split

PAD_HINT = "Return pad_item(inputs, target, size) of probekit.plugin.items."


def padding_is_marked(fixture: ProbeFixture) -> None:
    """If items are padded, the last channel is 1 from the first position to the end of an item, then 0."""
    require_padded(fixture)
    is_shorter = False
    for split in list_splits(fixture.probe):
        inputs, _ = fixture.items(split)
        mask = inputs[:, -1]
        if not bool(((mask == 0) | (mask == 1)).all()):
            fail(f"in items of {split}, the last channel has values other than 0 and 1", PAD_HINT)
        if not bool(mask.flatten(1).any(1).all()):
            fail(f"an item of {split} has no position", "Draw items of at least one position.")
        if not bool((mask == fill_prefix(mask)).all()):
            fail(f"an item of {split} does not begin at the first position, or has gaps", PAD_HINT)
        is_shorter = is_shorter or not bool(mask.all())
    if not is_shorter:
        fail("no item has padding", "Leave out padded=True.")
    if fixture.probe.symmetry:
        problem = "it declares symmetry, and a moved item does not begin at the first position"
        fail(problem, "Leave out symmetry.")


def padding_is_zero(fixture: ProbeFixture) -> None:
    """If items are padded, inputs and targets are zero in the padding."""
    require_padded(fixture)
    for split in list_splits(fixture.probe):
        inputs, targets = fixture.items(split)
        padding = find_padding(inputs)
        columns = [("inputs", inputs)]
        if targets.shape[2:] == inputs.shape[2:]:
            columns.append(("targets", targets))
        for label, values in columns:
            if bool((values * padding).any()):
                fail(f"{label} of {split} are not zero in the padding", PAD_HINT)


def padding_does_not_count(fixture: ProbeFixture) -> None:
    """If items are padded, neither the loss nor a metric depends on outputs in the padding."""
    import torch

    require_padded(fixture)
    probe = fixture.probe
    if probe.shape.pooled:
        raise DoesNotApply("its shape is pooled, so outputs have no positions")
    inputs, targets = padded_items(fixture)
    outputs = torch.randn(len(inputs), probe.shape.outputs, *probe.shape.size)
    changed = outputs + find_padding(inputs) * torch.randn_like(outputs)
    hint = "Average over the positions at which the mask is 1; probekit.plugin.masked does so for classes."
    losses = [float(probe.loss(answers, targets)) for answers in (outputs, changed)]
    if abs(losses[0] - losses[1]) > 1e-5 * (1 + abs(losses[0])):
        problem = f"the loss goes from {losses[0]:.4g} to {losses[1]:.4g} if outputs in the padding change"
        fail(problem, f"{hint} A loss sees no inputs: let targets say where they count.")
    for metric in probe.metrics:
        first, second = (evaluate_metric(metric, answers, targets, inputs) for answers in (outputs, changed))
        if not torch.allclose(first.double(), second.double(), rtol=1e-5, atol=1e-6, equal_nan=True):
            fail(f"{metric.name} depends on outputs in the padding", hint)


def require_padded(fixture: ProbeFixture) -> None:
    """Raise DoesNotApply if the probe's shape is not padded."""
    if not fixture.probe.shape.padded:
        raise DoesNotApply("its shape is not padded")


def find_padding(inputs: Tensor) -> Tensor:
    """Return where inputs (batch, channels, *size) are padding, (batch, 1, *size) bool."""
    return inputs[:, -1:] == 0


def fill_prefix(mask: Tensor) -> Tensor:
    """Return the mask of items that begin at the first position and are as long as a mask's ones.

    Shape:
        - mask, output: (batch, *size), of 0 and 1
    """
    import torch

    filled = torch.ones_like(mask)
    for axis in range(1, mask.ndim):
        crossing = [side for side in range(1, mask.ndim) if side != axis]
        profile = mask.amax(crossing, keepdim=True) if crossing else mask
        counts = profile.sum(axis, keepdim=True)
        positions = torch.arange(mask.shape[axis]).view(
            [-1 if side == axis else 1 for side in range(mask.ndim)]
        )
        filled = filled * (positions < counts)
    return filled


def padded_items(fixture: ProbeFixture) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of the first eight test items with padding; of training if there are none."""
    splits: tuple[Split, ...] = ("test", "train")
    for split in splits:
        inputs, targets = fixture.items(split)
        is_shorter = find_padding(inputs).flatten(1).any(1)
        if bool(is_shorter.any()):
            return inputs[is_shorter][:8], targets[is_shorter][:8]
    raise DoesNotApply("no item has padding")


PADDING_CHECKS = (padding_is_marked, padding_is_zero, padding_does_not_count)
