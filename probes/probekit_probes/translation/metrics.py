"""The metric of masks: intersection over union (Courtois et al. 2022, section 5.2)."""

from __future__ import annotations

from torch import Tensor

from probekit.plugin.interfaces import Metric


def predict_mask(output: Tensor) -> Tensor:
    """Turn an output into a mask.

    Args:
        output: logits of white and black, (batch, 2, *size); or a mask, (batch, 1, *size), left unchanged.

    Returns:
        The mask, (batch, 1, *size) float32, 0 or 1.
    """
    if output.shape[1] == 1:
        return output
    return (output[:, :1] > output[:, 1:]).float()


def intersection_over_union(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the pixels white in prediction and truth, as a share of those white in either, (batch,)."""
    prediction, truth = predict_mask(output).flatten(1) > 0.5, target.flatten(1) > 0.5
    return (prediction & truth).sum(1) / (prediction | truth).sum(1)


IOU = Metric(
    "iou",
    "higher",
    1.0,
    intersection_over_union,
    "Intersection over union of the predicted and the true square",
    gap="gap",
    bounds=(0.0, 1.0),
)
