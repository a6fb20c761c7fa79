"""What is guarded: an image that passes the filter has one label, whatever made it; the oracle finds it."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Literal, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from probekit_probes import streams
from probekit_probes.nonlocality.filter import has_covered_side, is_unambiguous
from probekit_probes.nonlocality.oracle import Reading, read_depth
from probekit_probes.nonlocality.palette import PALETTE
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.samplers import coarsen_ends, pair_ends

Words = NDArray[np.uint64]
Grid = tuple[int, int]


def in_colour(indices: NDArray[np.integer]) -> Tensor:
    """Return float32 RGB images (batch, 3, height, width) of palette indices."""
    return PALETTE[torch.from_numpy(indices.astype(np.int64))].permute(0, 3, 1, 2)


class Grouped(NamedTuple):
    """All images of a grid, up to colour names, with the lowest and highest label of the scenes behind each.

    A label is a level map; images and labels are codes of two bits a pixel.
    """

    scenes: int
    images: Words
    lowest: Words
    highest: Words

    @property
    def one_label(self) -> NDArray[np.bool_]:
        return np.equal(self.lowest, self.highest)


def rectangles(grid: Grid) -> NDArray[np.uint64]:
    """Return every rectangle of a grid, and the empty one: sets of pixels, bit width * row + column."""
    found, (height, width) = [0], grid
    for top, left in product(range(height), range(width)):
        for bottom, right in product(range(top, height), range(left, width)):
            rows, columns = range(top, bottom + 1), range(left, right + 1)
            found.append(sum(1 << width * row + column for row in rows for column in columns))
    return np.array(found, np.uint64)


def doubled(pixels: int, masks: NDArray[np.uint64]) -> Words:
    """Move bit i of each mask to bit 2i."""
    wide = np.zeros(masks.shape, np.uint64)
    for i in range(pixels):
        wide |= (masks >> np.uint64(i) & np.uint64(1)) << np.uint64(2 * i)
    return wide


def names_of(shown: Words) -> Words:
    """Number the layers 1 to 3 as they come when the image is read from its first pixel on, (3, scenes)."""
    first = np.where(shown == 0, ~np.uint64(0), shown & (~shown + np.uint64(1)))
    return np.stack([1 + (first < own).sum(axis=0, dtype=np.uint64) for own in first])


def labels_of(layers: Words, shown: Words, chain: bool) -> Words:
    """Return each layer's own level, (3, scenes).

    d is above c where both show, their rectangles overlap and d was painted later, closed transitively.
    """
    seen = shown != 0

    def above(d: int, c: int) -> NDArray[np.bool_]:
        later: NDArray[np.bool_] = (layers[d] & layers[c] != 0) & seen[d] & seen[c]
        return later

    second_first, third_second = above(1, 0), above(2, 1)
    third_first = above(2, 0) | (second_first & third_second)
    one = np.ones(layers.shape[1], np.uint64)
    two = one + second_first
    if chain:
        return np.stack([one, two, np.maximum(one + third_first, np.where(third_second, two + one, one))])
    return np.stack([one, two, one + third_first + third_second])


def every_scene(grid: Grid, chain: bool) -> Grouped:
    """Paint every scene of up to three rectangles in every order, and group them by image."""
    every = rectangles(grid)
    middle, top = (axis.ravel() for axis in np.meshgrid(every, every, indexing="ij"))
    images, labels = [], []
    for bottom in every:
        layers = np.stack([np.full_like(top, bottom), middle, top])
        shown = np.stack([layers[0] & ~(middle | top), middle & ~top, top])
        wide = doubled(prod(grid), shown)
        images.append((wide * names_of(shown)).sum(axis=0))
        labels.append((wide * labels_of(layers, shown, chain)).sum(axis=0))
    image, label = np.concatenate(images), np.concatenate(labels)
    order = np.argsort(image)
    image, label = image[order], label[order]
    starts = np.flatnonzero(np.r_[True, image[1:] != image[:-1]])
    lowest, highest = (fold.reduceat(label, starts) for fold in (np.minimum, np.maximum))
    return Grouped(len(image), image[starts], lowest, highest)


def decoded(codes: Words, grid: Grid) -> NDArray[np.int64]:
    """Return codes as maps (codes, height, width)."""
    shifts = 2 * np.arange(prod(grid), dtype=np.uint64)
    return (codes[:, None] >> shifts & np.uint64(3)).astype(np.int64).reshape(-1, *grid)


class Verdicts(NamedTuple):
    """What the oracle says of each image: F1, F2, and whether its depth is that of the lowest label."""

    apart: NDArray[np.bool_]
    ordered: NDArray[np.bool_]
    right: NDArray[np.bool_]


def asked(grouped: Grouped, grid: Grid, reading: str) -> Verdicts:
    """Show the oracle every image once."""
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, len(grouped.images), 8192):
        some = slice(start, start + 8192)
        found: Reading = read_depth(in_colour(decoded(grouped.images[some], grid)), reading)
        truth = (torch.from_numpy(decoded(grouped.lowest[some], grid)) + 1).float() / 11
        columns.append(
            (found.sides_apart, found.overlaps_ordered, (found.depth[:, 0] == truth).flatten(1).all(1))
        )
    return Verdicts(*(torch.cat(column).numpy() for column in zip(*columns, strict=True)))


GRIDS = [
    pytest.param((3, 3), 50_653, 3_013, 854, 392, id="3x3"),
    pytest.param((2, 5), 97_336, 5_633, 1_793, 873, id="2x5"),
    pytest.param((5, 2), 97_336, 5_633, 1_793, 873, id="5x2"),
    pytest.param((3, 4), 226_981, 16_594, 5_514, 2_390, id="3x4"),
    pytest.param((4, 4), 1_030_301, 92_133, 36_548, 16_152, id="4x4"),
    pytest.param((5, 5), 11_543_176, 1_314_492, 664_846, 326_604, id="5x5", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("grid", "scenes", "images", "one_label", "certified"), GRIDS)
def test_of_all_scenes_of_three_rectangles_a_certified_image_has_one_label_and_the_oracle_finds_it(
    grid: Grid, scenes: int, images: int, one_label: int, certified: int
) -> None:
    grouped = every_scene(grid, chain=False)
    said = asked(grouped, grid, "down-set")
    sure = said.apart & said.ordered
    assert (grouped.scenes, len(grouped.images)) == (scenes, images)
    assert (int(grouped.one_label.sum()), int(sure.sum())) == (one_label, certified)
    assert grouped.one_label[sure].all(), "a certified image has two labels"
    assert said.right[sure].all(), "the oracle misreads a certified image"
    assert not grouped.one_label[said.apart & ~said.ordered].any(), "given F1, F2 is necessary"
    # on two rows no two rectangles that overlap have their sides apart, so there F1 alone does
    for rule in (said.apart, said.ordered) if min(grid) > 2 else (said.ordered,):
        assert not grouped.one_label[rule].all(), "one rule alone would do"


@pytest.mark.parametrize("grid", [(4, 4), (3, 4)], ids=str)
def test_the_chain_reading_has_one_label_too_and_the_oracle_finds_it(grid: Grid) -> None:
    grouped = every_scene(grid, chain=True)
    said = asked(grouped, grid, "chain")
    sure = said.apart & said.ordered
    assert grouped.one_label[sure].all()
    assert said.right[sure].all()


def test_the_exhaustive_check_itself_tells_an_ambiguous_image() -> None:
    """A row 1, 1, 2: the second may end where the first begins, go on beneath it, or lie above it."""
    grouped = every_scene((3, 3), chain=False)
    code = np.uint64(1 | 1 << 2 | 2 << 4)
    place = int(np.searchsorted(grouped.images, code))
    assert grouped.images[place] == code
    assert decoded(grouped.lowest[[place]], (3, 3))[0, 0].tolist() == [1, 1, 1]
    assert not grouped.one_label[place]


@pytest.mark.parametrize(("count", "types"), [(3, 1_500), (5, 1_500), (7, 1_500), (10, 3_000)])
def test_the_filter_on_ranks_agrees_with_the_certificate_read_off_the_image(count: int, types: int) -> None:
    """Raw arrangements, nothing filtered, painted one by one a pixel a rank."""
    keys = streams.derive_keys(count, np.arange(types))
    across, down = (pair_ends(streams.draw_words(streams.derive_keys(keys, axis), count)) for axis in (0, 1))
    images = np.zeros((types, 2 * count, 2 * count), np.int64)
    for image, x, y in zip(images, across, down, strict=True):
        for c in range(count):
            (left, right), (top, bottom) = np.flatnonzero(x == c), np.flatnonzero(y == c)
            image[top:bottom, left:right] = c + 1
    kept = is_unambiguous(across, down)
    found = read_depth(in_colour(images))
    all_show = (found.level > 0).sum(1) == count
    assert 0 < kept.sum() < types
    assert np.array_equal(kept, (found.certified & all_show).numpy())


@pytest.mark.parametrize("count", [2, 4, 7, 10])
def test_the_quick_refusal_refuses_nothing_that_the_filter_keeps(count: int) -> None:
    x, y = (streams.draw_words(streams.derive_keys(count, np.arange(40_000), axis), count) for axis in (0, 1))
    covered = has_covered_side(coarsen_ends(x), coarsen_ends(y))
    kept = is_unambiguous(pair_ends(x), pair_ends(y))
    assert not (covered & kept).any()
    assert covered.sum() > 0.9 * (~kept).sum()


def boxes(image: NDArray[np.int64]) -> dict[int, tuple[int, int, int, int]]:
    """Return left, right, top and bottom of what shows of each colour."""
    found = {}
    for colour in set(image.ravel().tolist()) - {0}:
        rows, columns = np.nonzero(image == colour)
        found[colour] = (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
    return found


@pytest.mark.parametrize("reading", ["down-set", "chain"])
@pytest.mark.parametrize("sampler", ["sequential", "rejection"])
@pytest.mark.parametrize(("count", "height"), [*((count, None) for count in range(2, 11)), (3, 10), (10, 38)])
def test_every_scene_is_certified_its_lines_lie_apart_and_the_oracle_is_exact(
    count: int,
    height: int | None,
    sampler: Literal["sequential", "rejection"],
    reading: Literal["down-set", "chain"],
) -> None:
    gap, items = 2, 40
    probe = Nonlocality(
        size=48,
        height=height,
        rectangles=count,
        gap=gap,
        sampler=sampler,
        reading=reading,
        train=items,
    )
    data = probe.data("train", 7)
    images, depths = data.batch(range(items))
    assert torch.equal(probe.oracle(images), depths)
    assert {rule: bool(holds.all()) for rule, holds in probe.certified(images).items()} == {
        "F1 no opposite sides coincide": True,
        "F2 overlapping boxes are ordered": True,
    }
    for image in data.parts[0].astype(np.int64):
        found = np.array(list(boxes(image).values()))
        assert count - 2 <= len(found) <= count
        for axis in (found[:, :2], found[:, 2:]):
            assert np.diff(np.sort(axis.ravel())).min() >= gap
        assert np.bincount(image.ravel())[list(boxes(image))].min() >= gap * gap
