"""The metrics of depth: those of Courtois et al. 2022, and the squared error of each rectangle in two parts.

Source: section 5.1.1 there for the loss, Ord, delta 1.25 and RMSE; the two parts are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from probekit.interfaces import Metric
from probekit_probes.nonlocality.distance import distance
from probekit_probes.nonlocality.extended import extended
from probekit_probes.nonlocality.ordinal import LEAST, TAU, ordinal
from probekit_probes.nonlocality.palette import RGB, indices

Score = Callable[[Tensor, Tensor, Tensor], Tensor]
SLACK = 1e-6


def everywhere(inputs: Tensor) -> Tensor:
    """Return all pixels, (batch, pixels) bool."""
    return torch.ones_like(inputs[:, 0], dtype=torch.bool).flatten(1)


def foreground(inputs: Tensor) -> Tensor:
    """Return the pixels that are not background, (batch, pixels) bool."""
    return (inputs != 0).any(dim=1).flatten(1)


def mean_over(values: Tensor, among: Tensor) -> Tensor:
    """Return the mean of (batch, n) values over those `among`, (batch,); NaN where there is none."""
    return (values * among).sum(1) / among.sum(1)


def absolute(output: Tensor, target: Tensor, among: Tensor) -> Tensor:
    """Mean absolute error."""
    return mean_over((output - target).flatten(1).abs().double(), among).float()


def root_mean_square(output: Tensor, target: Tensor, among: Tensor) -> Tensor:
    """Root of the mean squared error of an image."""
    return mean_over((output - target).flatten(1).double() ** 2, among).sqrt().float()


def delta(output: Tensor, target: Tensor, among: Tensor) -> Tensor:
    """Share of pixels more than a factor of 1.25 off; 4/11 to 5/11 is exactly 1.25 and not counted."""
    y, truth = output.flatten(1).double().clamp(min=LEAST), target.flatten(1).double()
    return mean_over((torch.maximum(y / truth, truth / y) > 1.25 + SLACK).double(), among).float()


def per_colour(index: Tensor, values: Tensor) -> Tensor:
    """Sum (batch, pixels) values over each colour's pixels, (batch, 10); the background is left out."""
    return values.new_zeros(len(values), len(RGB)).scatter_add_(1, index, values)[:, 1:]


def ord_extended(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Share of the pairs of rectangles whose order only their extents tell (figure 4) that is told wrongly.

    It is told by the means of the two, the upper at least 3 % greater; NaN where an image has no such pair.
    """
    index = indices(inputs).flatten(1)
    values = output.flatten(1).double()
    pixels = per_colour(index, torch.ones_like(values)).clamp(min=1)
    mean = (per_colour(index, values) / pixels).clamp(min=LEAST)
    wanted = extended(inputs)
    wrong = wanted & (mean[:, None, :] < mean[:, :, None] * (1 + TAU))
    return mean_over(wrong.flatten(1), wanted.flatten(1)).float()


def parts(output: Tensor, target: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return for each colour the squared error of its mean, the variance of its error, and its pixel count.

    Each (batch, 10) float64. The truth is constant on a rectangle, so its mean squared error is exactly the
    first plus the second.
    """
    index = indices(inputs).flatten(1)
    error = (output - target).flatten(1).double()
    pixels = per_colour(index, torch.ones_like(error))
    mean = per_colour(index, error) / pixels.clamp(min=1)
    padded = torch.cat([torch.zeros_like(mean[:, :1]), mean], dim=1)
    spread = per_colour(index, (error - padded.gather(1, index)) ** 2) / pixels.clamp(min=1)
    return mean**2, spread, pixels


def wrong_level(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Root mean square, over the rectangles of an image, of the error of a rectangle's mean."""
    wrong, _, pixels = parts(output, target, inputs)
    return mean_over(wrong, pixels > 0).sqrt().float()


def unspread(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Root mean square, over the rectangles of an image, of the prediction's deviation within a rectangle."""
    _, spread, pixels = parts(output, target, inputs)
    return mean_over(spread, pixels > 0).sqrt().float()


def unspread_split(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """`unspread` over the rectangles that an occluder cuts into pieces; NaN where the image has none."""
    _, spread, _ = parts(output, target, inputs)
    return mean_over(spread, in_pieces(inputs)).sqrt().float()


def in_pieces(inputs: Tensor) -> Tensor:
    """Tell for each colour whether what shows of it is more than one 4-connected piece, (batch, 10) bool."""
    cells = squeezed(squeezed(indices(inputs)).transpose(1, 2))
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


def squeezed(cells: Tensor) -> Tensor:
    """Drop the rows that repeat the row before, padding with the last row: what is connected stays so.

    cells: (batch, rows, columns) -> (batch, at most rows, columns).
    """
    fresh = torch.ones(cells.shape[:2], dtype=torch.bool, device=cells.device)
    fresh[:, 1:] = (cells[:, 1:] != cells[:, :-1]).any(2)
    rank = fresh.int().cumsum(1)
    wanted = torch.arange(1, int(rank.max()) + 1, device=cells.device).expand(len(cells), -1).contiguous()
    row = torch.searchsorted(rank, wanted.int()).clamp(max=cells.shape[1] - 1)
    return cells.gather(1, row[:, :, None].expand(-1, -1, cells.shape[2]))


@dataclass(frozen=True, slots=True)
class Over:
    """An error measured over the pixels that `among` picks from the inputs."""

    error: Score
    among: Callable[[Tensor], Tensor]

    def __call__(self, output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        return self.error(output, target, self.among(inputs))


@dataclass(frozen=True, slots=True)
class Far:
    """Picks the pixels of a rectangle `beyond` pixels or more from its next junction."""

    beyond: int

    def __call__(self, inputs: Tensor) -> Tensor:
        return (distance(inputs, inputs) >= self.beyond).flatten(1)  # what is not a number is not


def align(output: Tensor, target: Tensor) -> Tensor:
    """Return outputs times a scale plus a shift, those of least squared error, item by item.

    Source: Ranftl et al., "Towards Robust Monocular Depth Estimation", TPAMI 2022, section 5. Of an answer
    that is the same everywhere the scale is 1.
    """
    y, truth = output.flatten(1).double(), target.flatten(1).double()
    centred, wanted = y - y.mean(1, keepdim=True), truth - truth.mean(1, keepdim=True)
    spread = centred.square().sum(1, keepdim=True)
    scale = ((centred * wanted).sum(1, keepdim=True) / spread).where(spread > 0, torch.ones_like(spread))
    return (scale * centred + truth.mean(1, keepdim=True)).view_as(output).float()


@dataclass(frozen=True, slots=True)
class Aligned:
    """A score of answers that were aligned."""

    score: Score

    def __call__(self, output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
        return self.score(align(output, target), target, inputs)


def depth_metrics(beyond: int = 0, aligned: bool = False) -> tuple[Metric, ...]:
    """Return the metrics; the first is the headline. All are errors, and 0 is perfect.

    beyond: where it is not 0, the headline is the loss on pixels at least so far from a junction. aligned:
    answers are aligned first, and the order of pairs is also told of what was not, as ord_unaligned.
    """
    if aligned:
        plain = depth_metrics(beyond)
        order = next(one for one in plain if one.name == "ord")
        about = f"{order.about}, not aligned"
        return (
            *(replace(one, score=Aligned(one.score), about=f"{one.about}, aligned") for one in plain),
            replace(order, name="ord_unaligned", about=about),
        )
    found = []
    if beyond:
        about = f"Mean absolute error on rectangles, {beyond} pixels or more from the next junction"
        score = Over(absolute, Far(beyond))
        found.append(Metric("loss_far", "lower", 0.0, score, about, gap="gap_far", bounds=(0.0, None)))
    for name, error, gap, most in (
        ("loss", absolute, "gap", None),
        ("ord", ordinal, "", 1.0),
        ("delta", delta, "", 1.0),
        ("rmse", root_mean_square, "", None),
    ):
        about = (error.__doc__ or "").rstrip(".")
        for suffix, among, where in (("", everywhere, ""), ("_foreground", foreground, ", foreground alone")):
            score = Over(error, among)
            found.append(
                Metric(
                    name + suffix,
                    "lower",
                    0.0,
                    score,
                    about + where,
                    gap=gap and gap + suffix,
                    bounds=(0.0, most),
                )
            )
    for part, most in (
        (wrong_level, None),
        (unspread, None),
        (unspread_split, None),
        (ord_extended, 1.0),
    ):
        about = (part.__doc__ or "").partition("\n")[0].rstrip(".")
        found.append(Metric(part.__name__, "lower", 0.0, part, about, bounds=(0.0, most)))
    return tuple(found)
