"""Cues of order: which of the three of Courtois et al. 2022, section 3.1, an image needs.

An image needs colour if an occluder cuts an object into pieces, which only their colour links. If not, it
needs extents if two objects touch and neither contour ends at the other: one lies inside the other, or
something covers the place. All other images show a T-junction for every two objects that touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from probekit.plugin.interfaces import Metric
from probekit_probes.nonlocality.extended import find_junctions, mark_pairs
from probekit_probes.nonlocality.metrics import is_in_pieces
from probekit_probes.nonlocality.palette import palette_indices
from probekit_probes.scenes.surfaces import Score, SurfaceReader

CUES = ("junctions", "extents", "colour")


def classify_cues(images: Tensor) -> Tensor:
    """Return the cue that each image needs, as its index in `CUES`, (batch,) int64.

    Args:
        images: float32 RGB in the fixed palette, (batch, 3, height, width).
    """
    index = palette_indices(images)
    touching = torch.zeros(len(index), 11, 11, dtype=torch.bool, device=index.device)
    for first, second in ((index[:, 1:], index[:, :-1]), (index[:, :, 1:], index[:, :, :-1])):
        touching |= mark_pairs(first, second, (first != second) & (first > 0) & (second > 0))
    junctions = find_junctions(index)
    hidden = touching & ~(junctions | junctions.transpose(1, 2))
    needs_extents = hidden.flatten(1).any(1)
    needs_colour = is_in_pieces(images).any(1)
    return torch.where(needs_colour, 2, needs_extents.long())


@dataclass(frozen=True, slots=True)
class CueScore:
    """A score of the images that need a cue, NaN on all others."""

    score: Score
    repaint: SurfaceReader
    cue: int

    def __call__(self, output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        images = self.repaint(inputs)
        needs_cue = classify_cues(images) == self.cue
        scores = torch.full((len(images),), torch.nan, device=images.device)
        if needs_cue.any():
            scores[needs_cue] = self.score(output[needs_cue], target[needs_cue], images[needs_cue])
        return scores


def make_cue_metrics(score: Score, repaint: SurfaceReader, about: str) -> tuple[Metric, ...]:
    """Return the metrics that score the images of each cue apart.

    Args:
        score: a score of images in the fixed palette.
        repaint: paints images in the fixed palette.
        about: the description of the score.
    """
    descriptions = (
        "images whose junctions show every order",
        "images with an order that extents alone show",
        "images with an object cut into pieces",
    )
    return tuple(
        Metric(
            f"loss_{name}",
            "lower",
            0.0,
            CueScore(score, repaint, cue),
            f"{about}; {description}",
            bounds=(0.0, None),
        )
        for cue, (name, description) in enumerate(zip(CUES, descriptions, strict=True))
    )
