"""The metrics of depth: those of Courtois et al. 2022, and the squared error of each rectangle in two parts.

The loss, Ord, delta 1.25 and RMSE are from section 5.1.1 of the paper; the two parts are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf

import torch
from torch import Tensor

from probekit.plugin.interfaces import Metric
from probekit_probes.nonlocality.distance import PixelsByDistance
from probekit_probes.nonlocality.extended import find_extended_pairs
from probekit_probes.nonlocality.palette import RGB, palette_indices
from probekit_probes.nonlocality.pixel_errors import (
    MIN_DEPTH,
    TAU,
    absolute_error,
    all_pixels,
    delta_error,
    foreground_pixels,
    masked_mean,
    ordinal_error,
    root_mean_square_error,
)

Score = Callable[[Tensor, Tensor, Tensor], Tensor]


def sum_per_colour(index: Tensor, values: Tensor) -> Tensor:
    """Sum (batch, pixels) values over each colour's pixels, (batch, 10); the background is left out."""
    return values.new_zeros(len(values), len(RGB)).scatter_add_(1, index, values)[:, 1:]


def ord_extended(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the share of extended pairs (figure 4 of the paper) whose order is wrong, (batch,).

    The means of the two rectangles give the order: that of the upper one must be at least 3 % greater. NaN if
    an image has no such pair.
    """
    index = palette_indices(inputs).flatten(1)
    values = output.flatten(1).double()
    pixels = sum_per_colour(index, torch.ones_like(values)).clamp(min=1)
    mean = (sum_per_colour(index, values) / pixels).clamp(min=MIN_DEPTH)
    pairs = find_extended_pairs(inputs)
    wrong = pairs & (mean[:, None, :] < mean[:, :, None] * (1 + TAU))
    return masked_mean(wrong.flatten(1), pairs.flatten(1)).float()


def split_error(output: Tensor, target: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Split the error of each colour.

    The truth is constant on a rectangle, so its mean squared error is exactly the first plus the second.

    Returns:
        The squared error of the mean, the variance of the error, and the number of pixels, (batch, 10)
        float64 each.
    """
    index = palette_indices(inputs).flatten(1)
    error = (output - target).flatten(1).double()
    pixels = sum_per_colour(index, torch.ones_like(error))
    mean = sum_per_colour(index, error) / pixels.clamp(min=1)
    padded = torch.cat([torch.zeros_like(mean[:, :1]), mean], dim=1)
    variance = sum_per_colour(index, (error - padded.gather(1, index)) ** 2) / pixels.clamp(min=1)
    return mean**2, variance, pixels


def wrong_level(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the root mean square, over rectangles, of the error of a rectangle's mean, (batch,)."""
    squared_error, _, pixels = split_error(output, target, inputs)
    return masked_mean(squared_error, pixels > 0).sqrt().float()


def unspread(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return the root mean square, over rectangles, of the deviation within a rectangle, (batch,)."""
    _, variance, pixels = split_error(output, target, inputs)
    return masked_mean(variance, pixels > 0).sqrt().float()


def unspread_split(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return `unspread` over the rectangles cut into pieces, (batch,); NaN if an image has none."""
    _, variance, _ = split_error(output, target, inputs)
    return masked_mean(variance, is_in_pieces(inputs)).sqrt().float()


def is_in_pieces(inputs: Tensor) -> Tensor:
    """Return which colours show more than one 4-connected piece, (batch, 10) bool."""
    cells = drop_repeated_rows(drop_repeated_rows(palette_indices(inputs)).transpose(1, 2))
    masks = torch.stack([cells == colour for colour in range(1, len(RGB))], dim=1)
    flat = masks.flatten(2)
    piece = (
        torch.zeros_like(flat).scatter_(2, flat.int().argmax(2, keepdim=True), True).view_as(masks) & masks
    )
    while True:
        grown = piece.clone()
        grown[..., 1:, :] |= piece[..., :-1, :]
        grown[..., :-1, :] |= piece[..., 1:, :]
        grown[..., 1:] |= piece[..., :-1]
        grown[..., :-1] |= piece[..., 1:]
        grown &= masks
        if torch.equal(grown, piece):
            return (piece != masks).flatten(2).any(2)
        piece = grown


def drop_repeated_rows(cells: Tensor) -> Tensor:
    """Drop each row that repeats the one before, and pad with the last row; this keeps connectedness.

    Shape:
        (batch, rows, columns) -> (batch, at most rows, columns)
    """
    is_new = torch.ones(cells.shape[:2], dtype=torch.bool, device=cells.device)
    is_new[:, 1:] = (cells[:, 1:] != cells[:, :-1]).any(2)
    rank = is_new.int().cumsum(1)
    ranks = torch.arange(1, int(rank.max()) + 1, device=cells.device).expand(len(cells), -1).contiguous()
    row = torch.searchsorted(rank, ranks.int()).clamp(max=cells.shape[1] - 1)
    return cells.gather(1, row[:, :, None].expand(-1, -1, cells.shape[2]))


@dataclass(frozen=True, slots=True)
class MaskedScore:
    """An error inside a mask that is computed from the inputs."""

    error: Score
    mask: Callable[[Tensor], Tensor]

    def __call__(self, output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        return self.error(output, target, self.mask(inputs))


def align_outputs(output: Tensor, target: Tensor) -> Tensor:
    """Rescale and shift each output to the least squared error.

    The scale is 1 for an output that is the same everywhere. Source: Ranftl et al., "Towards Robust Monocular
    Depth Estimation", TPAMI 2022, section 5.
    """
    y, truth = output.flatten(1).double(), target.flatten(1).double()
    centred, centred_truth = y - y.mean(1, keepdim=True), truth - truth.mean(1, keepdim=True)
    squares = centred.square().sum(1, keepdim=True)
    scale = (centred * centred_truth).sum(1, keepdim=True) / squares
    scale = scale.where(squares > 0, torch.ones_like(squares))
    return (scale * centred + truth.mean(1, keepdim=True)).view_as(output).float()


@dataclass(frozen=True, slots=True)
class AlignedScore:
    """A score of outputs after `align`."""

    score: Score

    def __call__(self, output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        return self.score(align_outputs(output, target), target, inputs)


PIXEL_ERRORS = (
    ("loss", absolute_error, "Mean absolute error", "gap", None),
    (
        "ord",
        ordinal_error,
        "Share of 50,000 fixed pixel pairs in the wrong order (within 3 % is equal)",
        "",
        1.0,
    ),
    ("delta", delta_error, "Share of pixels more than a factor of 1.25 off", "", 1.0),
    ("rmse", root_mean_square_error, "Root of the mean squared error of an image", "", None),
)
"""Name, error, description, name of the gap and upper bound of each error over pixels."""
RECTANGLE_ERRORS = (
    (
        "wrong_level",
        wrong_level,
        "Root mean square, over rectangles, of the error of a rectangle's mean",
        None,
    ),
    ("unspread", unspread, "Root mean square, over rectangles, of the deviation within a rectangle", None),
    (
        "unspread_split",
        unspread_split,
        "`unspread` over the rectangles that an occluder cuts into pieces",
        None,
    ),
    (
        "ord_extended",
        ord_extended,
        "Share of rectangle pairs, ordered by extent alone, in the wrong order",
        1.0,
    ),
)
"""Name, error, description and upper bound of each error over rectangles."""


def depth_metrics(beyond: int = 0, aligned: bool = False, within: int = 0) -> tuple[Metric, ...]:
    """Return the metrics, the headline first; all are errors, and 0 is perfect.

    Args:
        beyond: if not 0, the headline is the loss on pixels at least this far from a junction.
        within: if not 0, it is the loss on pixels at most this far from one.
        aligned: align the outputs first, and add the order of pairs without alignment as ord_unaligned.
    """
    if aligned:
        unaligned = depth_metrics(beyond, within=within)
        order = next(metric for metric in unaligned if metric.name == "ord")
        return (
            *(
                replace(metric, score=AlignedScore(metric.score), about=f"{metric.about}, aligned")
                for metric in unaligned
            ),
            replace(order, name="ord_unaligned", about=f"{order.about}, not aligned"),
        )
    metrics = []
    if beyond or within:
        name, part = ("near", f"at most {within} pixels") if within else ("far", f"{beyond} pixels or more")
        about = f"Mean absolute error on rectangles, {part} from the nearest junction"
        score = MaskedScore(absolute_error, PixelsByDistance(beyond, within or inf))
        metrics.append(
            Metric(f"loss_{name}", "lower", 0.0, score, about, gap=f"gap_{name}", bounds=(0.0, None))
        )
    for name, error, about, gap, upper in PIXEL_ERRORS:
        for suffix, mask, region in (
            ("", all_pixels, ""),
            ("_foreground", foreground_pixels, ", foreground only"),
        ):
            metrics.append(
                Metric(
                    name + suffix,
                    "lower",
                    0.0,
                    MaskedScore(error, mask),
                    about + region,
                    gap=gap and gap + suffix,
                    bounds=(0.0, upper),
                )
            )
    for name, rectangle_error, about, upper in RECTANGLE_ERRORS:
        metrics.append(Metric(name, "lower", 0.0, rectangle_error, about, bounds=(0.0, upper)))
    return tuple(metrics)
