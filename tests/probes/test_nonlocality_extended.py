"""What is guarded: figure 4's pairs are those without a local cue, and their order is scored by the means."""

from __future__ import annotations

import torch
from torch import Tensor

from probekit_probes.nonlocality.extended import find_extended_pairs
from probekit_probes.nonlocality.metrics import ord_extended
from probekit_probes.nonlocality.palette import PALETTE
from probekit_probes.nonlocality.probe import Nonlocality

Box = tuple[int, int, int, int]
LOWER, UPPER = (2, 14, 2, 14), (8, 20, 8, 20)
OVER_ONE_JUNCTION, OVER_THE_OTHER = (6, 10, 12, 17), (12, 17, 6, 10)


def painted(*boxes: Box) -> Tensor:
    """Paint boxes (left, right, top, bottom) over each other, in colours 1, 2, ...: (1, 3, 24, 24)."""
    colours = torch.zeros(24, 24, dtype=torch.long)
    for colour, (left, right, top, bottom) in enumerate(boxes, 1):
        colours[top:bottom, left:right] = colour
    return PALETTE[colours].permute(2, 0, 1)[None]


def found(*boxes: Box) -> list[tuple[int, int]]:
    """Return the extended pairs as colours (lower, upper)."""
    return [(int(c) + 1, int(d) + 1) for _, c, d in find_extended_pairs(painted(*boxes)).nonzero()]


def test_a_pair_with_a_t_junction_in_sight_is_not_extended() -> None:
    assert found(LOWER, UPPER) == []
    assert found(LOWER, UPPER, OVER_ONE_JUNCTION) == []


def test_a_pair_whose_t_junctions_are_both_covered_is_extended() -> None:
    assert found(LOWER, UPPER, OVER_ONE_JUNCTION, OVER_THE_OTHER) == [(1, 2)]


def test_a_rectangle_in_a_hole_is_told_by_convexity() -> None:
    assert found((2, 20, 2, 20), (8, 14, 8, 14)) == []


def test_rectangles_apart_are_no_pair() -> None:
    assert found((1, 5, 1, 5), (8, 14, 9, 15)) == []


def test_a_pair_told_through_a_third_is_not_immediate() -> None:
    between = (4, 18, 5, 18)
    assert (1, 3) not in found(LOWER, between, (9, 21, 9, 21))


def test_the_order_is_read_off_the_means_of_the_two() -> None:
    image = painted(LOWER, UPPER, OVER_ONE_JUNCTION, OVER_THE_OTHER)
    truth = Nonlocality(size=24, rectangles=4, gap=1).oracle(image)
    assert ord_extended(truth, truth, image).tolist() == [0.0]
    assert ord_extended(torch.full_like(truth, 0.3), truth, image).tolist() == [1.0]
    assert ord_extended(1 - truth, truth, image).tolist() == [1.0]


def test_an_image_without_such_a_pair_is_not_scored() -> None:
    image = painted(LOWER, UPPER)
    assert ord_extended(image[:, :1], image[:, :1], image).isnan().all()


def test_the_shipped_law_holds_such_pairs_in_a_sixth_of_its_images() -> None:
    images, _ = Nonlocality(validation=120).data("validation", 0).batch(range(120))
    share = float(find_extended_pairs(images).flatten(1).any(1).float().mean())
    assert 0.08 < share < 0.28
