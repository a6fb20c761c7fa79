"""Which positions a metric scores, as the probe, its axis, its inputs or a derivative tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from probekit.battery.view import View, score_each, split_range
from probekit.plugin.errors import name_culprit
from probekit.plugin.interfaces import Metric, Probe

if TYPE_CHECKING:
    from torch import Tensor

VALIDATED_ITEMS = 256
"""How many training items show which positions are scored."""
RULES = ("declared", "not shown", "axis", "axis score", "derivative")


def choose_rule(sample: View, probe: Probe, metric: Metric) -> str:
    """Return the rule that names the fewest positions as scored; "" if no rule holds.

    The rules: an optional method `scored(inputs, targets)` of the probe; the positions whose answer the input
    does not show; the positions on the difficulty axis; the derivative of the metric. A rule holds if the
    metric stays perfect when the answers at all other positions are wrong.
    """
    if sample.form.pooled:  # an item has one answer, and it counts
        return ""
    sizes = {}
    for rule in RULES:
        mask = find_mask(rule, sample, probe, metric)
        if mask is not None and is_valid_mask(sample, metric, mask):
            sizes[rule] = int(mask.sum())
    return min(sizes, key=lambda rule: sizes[rule], default="")


def restrict_scored(view: View, rule: str, probe: Probe, metric: Metric) -> View:
    """Return a view whose scored positions are those that a rule names."""
    import torch

    masks = [find_mask(rule, view.select(part), probe, metric) for part in split_range(len(view))]
    scored = [mask for mask in masks if mask is not None]
    return replace(view, scored=torch.cat(scored)) if len(scored) == len(masks) else view


def find_mask(rule: str, view: View, probe: Probe, metric: Metric) -> Tensor | None:
    """Return the positions that a rule takes to be scored, (items, *size) bool; None if it does not apply."""
    import torch

    axis = probe.axis
    values: Tensor | None = None
    if rule == "declared":
        with name_culprit("its method `scored`"):
            values = probe.scored(view.inputs, view.raw_targets)
    elif rule == "not shown" and view.form.shown_channels is not None:
        values = view.split_shown()[1].sum(1) == 0
    elif rule == "axis" and axis is not None:
        with name_culprit(f"the difficulty axis {axis.name}"):
            values = ~axis.difficulty(view.inputs, view.raw_targets).isnan()
    elif rule == "axis score" and axis is not None:
        with name_culprit(f"the difficulty axis {axis.name}"):
            values = ~axis.score(view.targets, view.raw_targets, view.inputs).isnan()
    elif rule == "derivative" and not view.form.classes:
        noise = torch.rand(view.targets.shape, generator=torch.Generator().manual_seed(0))
        output = (view.targets + noise + 0.5).requires_grad_()
        with name_culprit(f"the metric {metric.name}"):
            score = metric.score(output, view.raw_targets, view.inputs)
        if score.requires_grad:
            score.nansum().backward()  # type: ignore[no-untyped-call]
            assert output.grad is not None
            values = (output.grad.nan_to_num() != 0).any(1)  # NaN for an item without scored positions
    if values is None or values.shape != view.scored.shape:
        return None
    return values.bool() & view.scored


def is_valid_mask(view: View, metric: Metric, mask: Tensor) -> bool:
    """Tell whether the metric stays perfect when the answers outside a mask are wrong."""
    if not bool(mask.any()):
        return False
    wrong = view.targets.roll(1, 1) if view.form.classes else view.targets + 1
    output = view.targets.where(mask[:, None], wrong)
    scores = score_each(view, output, metric)
    return bool(((scores - metric.perfect).abs()[~scores.isnan()] < 1e-6).all())
