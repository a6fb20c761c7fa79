"""What is guarded: the number of objects between a pixel and its evidence is that of its definition."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from probekit.catalog.registry import registry
from probekit.plans.scale import resolve_at_scale
from probekit.scores.difficulty_curve import measure_difficulty_curve
from probekit_probes.nonlocality.distance import junction_distance
from probekit_probes.scenes.occluders import EDGES, OccluderCount
from probekit_probes.scenes.probe import Scenes
from probekit_probes.scenes.surfaces import SurfaceReader, paint_index

Pixel = tuple[int, int]
FIXED = SurfaceReader(is_fixed=True)


def count_by_definition(surfaces: list[list[int]], pixel: Pixel) -> float:
    """Count the objects between a pixel and its evidence, pixel by pixel."""
    height, width = len(surfaces), len(surfaces[0])

    def surface_at(place: Pixel) -> int:
        return surfaces[place[0]][place[1]]

    mine = surface_at(pixel)
    nearest: dict[int, tuple[int, Pixel]] = {}
    for top, left in itertools.product(range(height - 1), range(width - 1)):
        block = [(top + down, left + right) for down in (0, 1) for right in (0, 1)]
        a, b, c, d = map(surface_at, block)
        if (a == b and c == d) or (a == c and b == d):
            continue
        for partner in {a, b, c, d} - {0, mine}:
            for place in block:
                if surface_at(place) == mine:
                    square = (place[0] - pixel[0]) ** 2 + (place[1] - pixel[1]) ** 2
                    nearest[partner] = min(nearest.get(partner, (square, place)), (square, place))
    if mine == 0 or not nearest:
        return math.nan
    partner = min(nearest, key=lambda number: (-nearest[number][0], number))
    end = nearest[partner][1]
    steps = max(abs(end[0] - pixel[0]), abs(end[1] - pixel[1]))
    line = [
        tuple(
            math.floor(start + Fraction((stop - start) * step, steps) + Fraction(1, 2))
            for start, stop in zip(pixel, end, strict=True)
        )
        for step in range(1, steps)
    ]
    return len({surfaces[row][column] for row, column in line} - {0, mine})


def count_everywhere(surfaces: Tensor) -> Tensor:
    """Count by the definition at each pixel of an image, (height, width)."""
    rows = surfaces.tolist()
    return torch.tensor(
        [[count_by_definition(rows, (row, column)) for column in range(len(line))]
         for row, line in enumerate(rows)]
    )  # fmt: skip


@pytest.mark.parametrize(("rung", "objects"), [(0, 3), (2, 4), (2, 5), (3, 4), (4, 3)])
def test_the_count_is_that_of_the_definition(rung: int, objects: int) -> None:
    probe = Scenes(rung=rung, objects=objects, size=11, axis="occluders", train=3)
    images, targets = probe.data("train", 0).batch(range(3))
    counts = probe.axis.difficulty(images, targets)
    for surfaces, count in zip(probe.reader.number_surfaces(images), counts, strict=True):
        torch.testing.assert_close(count, count_everywhere(surfaces), equal_nan=True)


def test_on_random_pixels_too() -> None:
    surfaces = torch.randint(0, 5, (6, 7, 8), generator=torch.Generator().manual_seed(0))
    counts = OccluderCount(FIXED)(paint_index(surfaces), surfaces)
    numbered = FIXED.number_surfaces(paint_index(surfaces))
    expected = torch.stack([count_everywhere(image) for image in numbered])
    torch.testing.assert_close(counts, expected, equal_nan=True)
    assert counts.nan_to_num(0).amax() > 1


def test_a_bar_in_pieces_has_occluders_between() -> None:
    surfaces = torch.zeros(1, 9, 20, dtype=torch.long)
    surfaces[0, 3:6, 1:19] = 1  # a bar, over the end of which another object lies
    surfaces[0, 2:5, 17:19] = 2
    surfaces[0, 1:8, 5:7] = 3  # two posts cut the bar into three pieces
    surfaces[0, 1:8, 11:13] = 4
    counts = OccluderCount(FIXED)(paint_index(surfaces), surfaces)[0]
    row = counts[4].tolist()
    assert row[2] == 2  # the left piece, with both posts between it and the end
    assert row[8] == 1
    assert row[15] <= 1
    assert math.isnan(row[0])


def test_an_object_alone_needs_no_evidence() -> None:
    surfaces = torch.zeros(1, 9, 9, dtype=torch.long)
    surfaces[0, 2:5, 2:5] = 1
    counts = OccluderCount(FIXED)(paint_index(surfaces), surfaces)
    assert counts.isnan().all()


def test_pixels_at_a_distance_have_a_count() -> None:
    probe = Scenes(rung=3, axis="occluders", train=16)
    images, targets = probe.data("train", 0).batch(range(16))
    distances = junction_distance(probe.reader(images), targets)
    counts = probe.axis.difficulty(images, targets)
    assert torch.equal(distances.isnan(), counts.isnan())


def test_a_run_stores_the_curve() -> None:
    probe = Scenes(rung=2, axis="occluders", train=32, validation=8, test=64)
    train, test = probe.data("train", 0), probe.data("test", 0)
    curve = measure_difficulty_curve(
        lambda inputs: torch.zeros_like(inputs[:, :1]), probe, train, [test], torch.device("cpu")
    )
    assert curve is not None
    assert curve.axis == "occluders"
    assert [(point.start, point.stop) for point in curve.points][:3] == list(itertools.pairwise(EDGES))[:3]


def test_the_text_of_a_plan_names_only_the_second_axis() -> None:
    texts = [
        resolve_at_scale(probe, "quick", registry())[1].text
        for probe in ("scenes", "scenes(axis=distance)", "scenes(axis=occluders)")
    ]
    assert texts[0] == texts[1]
    assert "axis" not in texts[0]
    assert "axis=occluders" in texts[2]
