"""What is guarded: an image that passes the filter has one label whatever scene made it, and the oracle finds it."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from probekit_probes import streams
from probekit_probes.nonlocality.filter import unambiguous
from probekit_probes.nonlocality.oracle import Reading, read
from probekit_probes.nonlocality.palette import PALETTE
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.samplers import pairing
from torch import Tensor

Words = NDArray[np.uint64]


def in_colour(indices: NDArray[np.integer]) -> Tensor:
    """Return float32 RGB images (batch, 3, height, width) of palette indices."""
    return PALETTE[torch.from_numpy(indices.astype(np.int64))].permute(0, 3, 1, 2)


class Grouped(NamedTuple):
    """All images of a grid, up to colour names: a scene's label is its level map; codes hold two bits a pixel."""

    scenes: int
    images: Words
    lowest: Words
    highest: Words

    @property
    def one_label(self) -> NDArray[np.bool_]:
        return self.lowest == self.highest


def rectangles(side: int) -> NDArray[np.uint64]:
    """Return every rectangle of a grid, and the empty one, as the set of its pixels (bit = side * row + column)."""
    found = [0]
    for top, left in product(range(side), repeat=2):
        for bottom, right in product(range(top, side), range(left, side)):
            rows, columns = range(top, bottom + 1), range(left, right + 1)
            found.append(sum(1 << side * row + column for row in rows for column in columns))
    return np.array(found, np.uint64)


def doubled(side: int, masks: NDArray[np.uint64]) -> Words:
    """Move bit i of each mask to bit 2i."""
    wide = np.zeros(masks.shape, np.uint64)
    for i in range(side * side):
        wide |= (masks >> np.uint64(i) & np.uint64(1)) << np.uint64(2 * i)
    return wide


def every_scene(side: int, chain: bool) -> Grouped:
    """Paint every scene of up to three rectangles in every order, and group them by image.

    The label is the scene's own: d is above c where both show, their rectangles overlap and d was painted later, closed
    transitively over those that show.
    """
    every = rectangles(side)
    middle, top = (axis.ravel() for axis in np.meshgrid(every, every, indexing="ij"))
    images, labels = [], []
    for bottom in every:
        layers = np.stack([np.full_like(top, bottom), middle, top])
        shown = np.stack([layers[0] & ~(middle | top), middle & ~top, top])
        seen = shown != 0
        first = np.where(
            seen, shown & -shown.astype(np.int64).astype(np.uint64), np.uint64(1) << np.uint64(63)
        )
        names = [
            1 + sum((seen[other] & (first[other] < first[own])).astype(np.uint64) for other in range(3))
            for own in range(3)
        ]

        def above(d: int, c: int, layers=layers, seen=seen) -> NDArray[np.bool_]:  # type: ignore[no-untyped-def]
            return (layers[d] & layers[c] != 0) & seen[d] & seen[c]

        first_second, second_third = above(1, 0), above(2, 1)
        first_third = above(2, 0) | (first_second & second_third)
        one = np.ones(len(top), np.uint64)
        two = one + first_second
        three = one + first_third + second_third
        if chain:
            three = np.maximum(one + first_third, np.where(second_third, two + one, one))
        wide = [doubled(side, mask) for mask in shown]
        images.append(sum(w * name for w, name in zip(wide, names, strict=True)))
        labels.append(sum(w * level for w, level in zip(wide, (one, two, three), strict=True)))
    image, label = np.concatenate(images), np.concatenate(labels)
    order = np.argsort(image)
    image, label = image[order], label[order]
    starts = np.flatnonzero(np.r_[True, image[1:] != image[:-1]])
    lowest, highest = (fold.reduceat(label, starts) for fold in (np.minimum, np.maximum))
    return Grouped(len(image), image[starts], lowest, highest)


def decoded(codes: Words, side: int) -> NDArray[np.int64]:
    """Return codes as maps (codes, side, side)."""
    shifts = 2 * np.arange(side * side, dtype=np.uint64)
    return (codes[:, None] >> shifts & np.uint64(3)).astype(np.int64).reshape(-1, side, side)


class Verdicts(NamedTuple):
    """What the oracle says of each image: F1, F2, and whether its depth is that of the lowest label."""

    apart: NDArray[np.bool_]
    ordered: NDArray[np.bool_]
    right: NDArray[np.bool_]


def asked(grouped: Grouped, side: int, reading: str) -> Verdicts:
    """Show the oracle every image once."""
    columns: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, len(grouped.images), 8192):
        some = slice(start, start + 8192)
        found: Reading = read(in_colour(decoded(grouped.images[some], side)), reading)
        truth = (torch.from_numpy(decoded(grouped.lowest[some], side)) + 1).float() / 11
        columns.append(
            (found.sides_apart, found.overlaps_ordered, (found.depth[:, 0] == truth).flatten(1).all(1))
        )
    return Verdicts(*(torch.cat(column).numpy() for column in zip(*columns, strict=True)))


GRIDS = [
    pytest.param(3, 50_653, 3_013, 854, 392, id="3x3"),
    pytest.param(4, 1_030_301, 92_133, 36_548, 16_152, id="4x4"),
    pytest.param(5, 11_543_176, 1_314_492, 664_846, 326_604, id="5x5", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("side", "scenes", "images", "one_label", "certified"), GRIDS)
def test_of_all_scenes_of_three_rectangles_a_certified_image_has_one_label_and_the_oracle_finds_it(
    side: int, scenes: int, images: int, one_label: int, certified: int
) -> None:
    grouped = every_scene(side, chain=False)
    said = asked(grouped, side, "down-set")
    sure = said.apart & said.ordered
    assert (grouped.scenes, len(grouped.images)) == (scenes, images)
    assert (int(grouped.one_label.sum()), int(sure.sum())) == (one_label, certified)
    assert grouped.one_label[sure].all(), "a certified image has two labels"
    assert said.right[sure].all(), "the oracle misreads a certified image"
    assert not grouped.one_label[said.apart & ~said.ordered].any(), "given F1, F2 is necessary"
    for rule in (said.apart, said.ordered):
        assert not grouped.one_label[rule].all(), "one rule alone would do"


def test_the_chain_reading_has_one_label_too_and_the_oracle_finds_it() -> None:
    grouped = every_scene(4, chain=True)
    said = asked(grouped, 4, "chain")
    sure = said.apart & said.ordered
    assert grouped.one_label[sure].all()
    assert said.right[sure].all()


def test_the_exhaustive_check_itself_tells_an_ambiguous_image() -> None:
    """Two overlapping rectangles abut a third's side: figures that differ in a hidden edge look alike."""
    left, right = 0b000_000_011, 0b000_000_110
    assert left in rectangles(3)
    assert right in rectangles(3)
    grouped = every_scene(3, chain=False)
    # The top row reads 1, 1, 2: the second may end at the first or go on beneath it, and then lies above or below.
    code = 1 | 1 << 2 | 2 << 4
    place = int(np.searchsorted(grouped.images, np.uint64(code)))
    assert grouped.images[place] == code
    assert not grouped.one_label[place]


@pytest.mark.parametrize(("count", "types"), [(3, 1_500), (5, 1_500), (7, 1_500), (10, 3_000)])
def test_the_filter_on_ranks_agrees_with_the_certificate_read_off_the_image(count: int, types: int) -> None:
    """Raw arrangements, nothing filtered, painted one by one a pixel a rank."""
    keys = streams.key(count, np.arange(types))
    across, down = (pairing(streams.key(keys, axis), count) for axis in (0, 1))
    images = np.zeros((types, 2 * count, 2 * count), np.int64)
    for image, x, y in zip(images, across, down, strict=True):
        for c in range(count):
            (left, right), (top, bottom) = np.flatnonzero(x == c), np.flatnonzero(y == c)
            image[top:bottom, left:right] = c + 1
    kept = unambiguous(across, down)
    found = read(in_colour(images))
    all_show = (found.level > 0).sum(1) == count
    assert 0 < kept.sum() < types
    assert np.array_equal(kept, (found.certified & all_show).numpy())


def boxes(image: NDArray[np.int64]) -> dict[int, tuple[int, int, int, int]]:
    """Return left, right, top and bottom of what shows of each colour."""
    found = {}
    for colour in set(image.ravel().tolist()) - {0}:
        rows, columns = np.nonzero(image == colour)
        found[colour] = (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
    return found


@pytest.mark.parametrize("reading", ["down-set", "chain"])
@pytest.mark.parametrize("sampler", ["sequential", "rejection"])
@pytest.mark.parametrize("count", range(2, 11))
def test_every_scene_is_certified_its_lines_lie_apart_and_the_oracle_is_exact(
    count: int, sampler: str, reading: str
) -> None:
    gap, items = 2, 40
    probe = Nonlocality(
        size=48,
        rectangles=count,
        gap=gap,
        sampler=sampler,
        reading=reading,
        train=items,  # type: ignore[arg-type]
    )
    data = probe.data("train", 7)
    images, depths = data.batch(range(items))
    assert torch.equal(probe.oracle(images), depths)
    assert {rule: bool(holds.all()) for rule, holds in probe.certified(images).items()} == {
        "F1 no opposite sides coincide": True,
        "F2 overlapping boxes are ordered": True,
    }
    for image in data.colours.astype(np.int64):
        found = np.array(list(boxes(image).values()))
        assert count - 2 <= len(found) <= count
        for axis in (found[:, :2], found[:, 2:]):
            assert np.diff(np.sort(axis.ravel())).min() >= gap
        assert np.bincount(image.ravel())[list(boxes(image))].min() >= gap * gap
