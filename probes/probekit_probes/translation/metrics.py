"""The metric of masks: intersection over union (Courtois et al. 2022, section 5.2)."""

from __future__ import annotations

from torch import Tensor

from probekit.interfaces import Metric


def answer(output: Tensor) -> Tensor:
    """Return the mask that an output says, (batch, 1, *size) float32, 0 or 1.

    output: two channels of logits, white and black; or one channel, which is a mask already, as the truth's.
    """
    if output.shape[1] == 1:
        return output
    return (output[:, :1] > output[:, 1:]).float()


def intersection_over_union(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Share of the pixels that are white in the answer or in the truth that are white in both."""
    said, truth = answer(output).flatten(1) > 0.5, target.flatten(1) > 0.5
    return (said & truth).sum(1) / (said | truth).sum(1)


IOU = Metric(
    "iou",
    "higher",
    1.0,
    intersection_over_union,
    "Intersection over union of the square told and the true one",
    gap="gap",
    bounds=(0.0, 1.0),
)
