"""What is guarded: scenes follow the law written down; filter and sampler give what slow code gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from probekit_probes import streams
from probekit_probes.nonlocality import samplers
from probekit_probes.nonlocality.filter import is_unambiguous
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.ranks import (
    EMPTY,
    HIGHEST,
    MAX_RECTANGLES,
    compute_cover,
    compute_levels,
    compute_spans,
    true_relation,
)
from probekit_probes.nonlocality.samplers import Law, correlate_centrality, draw_accepted
from probekit_probes.nonlocality.scenes import (
    MEASURING,
    Design,
    count_pixels,
    draw_counts,
    draw_free_ends,
    draw_overlapping_ends,
    draw_scenes,
    draw_scenes_of_count,
)
from probekit_probes.nonlocality.sequential import build_scenes

SMALL = Design(size=(32, 32), rectangles=5, gap=2)


@pytest.mark.parametrize("most", [2, 3, 10])
def test_a_tenth_of_scenes_holds_one_rectangle_fewer_than_the_most_and_a_tenth_two_fewer(
    most: int,
) -> None:
    numbers = draw_counts(Design((128, 128), most, 1), streams.derive_keys(0, np.arange(50_000)))
    found = np.bincount(numbers, minlength=11) / len(numbers)
    expected = np.zeros(11)
    for fewer, share in ((0, 0.8), (1, 0.1), (2, 0.1)):
        expected[max(2, most - fewer)] += share
    assert np.abs(found - expected).max() < 4 * np.sqrt(0.16 / len(numbers))


def test_the_number_of_rectangles_is_drawn_before_any_scene_is_refused() -> None:
    keys = streams.derive_keys(9, np.arange(200))
    colours, levels_found = draw_scenes(SMALL, keys)
    assert np.array_equal((levels_found > 0).sum(1), draw_counts(SMALL, keys))
    shown = [len(np.unique(image)) - 1 for image in colours]
    assert np.array_equal(shown, draw_counts(SMALL, keys))


def test_a_try_has_a_stream_for_each_purpose() -> None:
    """A thinning number shared with a rectangle's place would bend the law."""
    purposes = [*range(MAX_RECTANGLES), samplers.ACROSS, samplers.DOWN, samplers.THINNING]
    assert len(set(purposes)) == len(purposes)


@pytest.mark.parametrize(
    ("sampler", "count", "scenes"),
    [
        ("sequential", 3, 20_000),
        ("sequential", 5, 6_000),
        ("sequential", 10, 1_500),
        ("rejection", 3, 20_000),
        ("rejection", 6, 4_000),
        ("rejection", 8, 1_500),
    ],
)
def test_where_balanced_the_middle_says_nothing_of_the_level(sampler: str, count: int, scenes: int) -> None:
    keys = streams.derive_keys(4, np.arange(scenes))
    found = {
        balance: correlate_centrality(*draw_accepted(Law(sampler, balance), keys, count))
        for balance in (True, False)
    }
    errors = {balance: values.mean() / (values.std() / np.sqrt(scenes)) for balance, values in found.items()}
    assert abs(errors[True]) < 3
    assert errors[False] > 6


@pytest.mark.parametrize("sampler", ["sequential", "rejection"])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_where_every_two_overlap_they_do_and_the_middle_says_next_to_nothing(
    sampler: str, count: int
) -> None:
    law = Law(sampler, overlapping=True)
    across, down = draw_accepted(law, streams.derive_keys(5, np.arange(2_000)), count)
    for owners in (across, down):
        ends = np.argsort(owners, axis=1, kind="stable").reshape(-1, count, 2)
        for one in range(count):
            for other in range(one):
                apart = (ends[:, one, 1] < ends[:, other, 0]) | (ends[:, other, 1] < ends[:, one, 0])
                assert not apart.any()
    assert abs(correlate_centrality(across, down).mean()) < 0.1


def test_ambiguous_scenes_overlap_where_they_are_asked_to() -> None:
    frame = {"height": 8, "width": 32, "gap": 1, "rectangles": 3, "colours": 3, "train": 200}
    images, _ = Nonlocality(**frame, overlapping=True, ambiguous=True).data("train", 0).batch(range(200))
    found = Nonlocality(**frame).certified(images)
    assert not found["F1 no opposite sides coincide"].all()
    _, ends = draw_overlapping_ends(streams.derive_keys(0, np.arange(300)), 3, 9)
    assert len(np.unique(ends)) == 10


@pytest.mark.parametrize("sampler", ["sequential", "rejection"])
def test_the_tabulated_tilt_is_the_one_that_balances(sampler: str) -> None:
    assert set(samplers.TILT[sampler]) == set(range(3, MAX_RECTANGLES + 1))
    assert samplers.fit_tilt(sampler, 4, scenes=6_000, seed=1) == pytest.approx(
        samplers.TILT[sampler][4], abs=0.4
    )


def test_a_handful_of_tries_none_of_which_is_kept_is_no_error() -> None:
    refused = 0
    for start in range(0, 60, 3):
        kept, across, down = samplers.draw_arrangements(
            Law("rejection"), streams.derive_keys(0, np.arange(start, start + 3)), 10
        )
        assert across.shape == down.shape == (3, 20)
        refused += not kept.any()
    assert refused > 10


def test_two_rectangles_need_no_balance() -> None:
    across, down = draw_accepted(Law(balance=False), streams.derive_keys(0, np.arange(500)), 2)
    assert (correlate_centrality(across, down) == 0).all()


def test_the_law_is_the_same_across_and_down_and_for_every_colour() -> None:
    keys = streams.derive_keys(0, np.arange(4_000))
    across, down = draw_accepted(Law(), keys, 4)
    # Rank of the first side of the topmost rectangle, seen from the four sides of the frame.
    ranks = [(owners == 3).argmax(1) for owners in (across, across[:, ::-1], down, down[:, ::-1])]
    means = np.array([rank.mean() for rank in ranks])
    assert np.ptp(means) < 4 * np.sqrt(2) * ranks[0].std() / np.sqrt(len(keys))
    _, level = draw_scenes_of_count(replace(SMALL, colours=4), keys, 4)
    by_colour = level[:, 1:5].astype(float)
    assert np.ptp(by_colour.mean(0)) < 4 * np.sqrt(2) * by_colour.std() / np.sqrt(len(keys))


def test_arrangements_depend_on_ranks_alone_so_frames_of_all_sides_hold_the_same() -> None:
    keys = streams.derive_keys(0, np.arange(300))
    colours, level = draw_scenes(SMALL, keys)
    for size in ((20, 64), (64, 20)):
        others, same_level = draw_scenes(replace(SMALL, size=size), keys)
        assert others.shape == (300, *size)
        assert np.array_equal(same_level, level)
        shown = [[len(np.unique(image)) for image in images] for images in (colours, others)]
        assert shown[0] == shown[1]


def test_lines_reach_both_ends_of_each_side_and_no_further() -> None:
    """Of the rows and columns of a frame each is on some rectangle's border in some scene."""
    colours, _ = draw_scenes(Design((6, 20), 2, 1), streams.derive_keys(1, np.arange(2_000)))
    changes_across = (colours[:, :, 1:] != colours[:, :, :-1]).any((0, 1))
    changes_down = (colours[:, 1:] != colours[:, :-1]).any((0, 2))
    assert changes_across.all()
    assert changes_down.all()
    edges = colours[:, 0], colours[:, -1], colours[:, :, 0], colours[:, :, -1]
    assert all((edge > 0).any() for edge in edges)
    left = (
        (colours > 0).any(1).argmax(1)
    )  # the outermost line on the left is uniform enough to reach the middle
    assert left.min() == 0
    assert left.max() >= 10


Sides = tuple[int, ...]


def painted(rectangles: list[Sides], size: int) -> np.ndarray:
    """Paint (left, right, top, bottom) in order, 0 the background, 1 + i the i-th rectangle."""
    image = np.zeros((size, size), int)
    for i, (left, right, top, bottom) in enumerate(rectangles):
        image[top:bottom, left:right] = i + 1
    return image


def slow_levels(rectangles: list[Sides], size: int) -> list[int]:
    """Return 1 + the number of visible rectangles beneath each, 0 where hidden, by walking the pixels."""
    image = painted(rectangles, size)
    masks = [painted([r], size) > 0 for r in rectangles]
    seen = [i for i in range(len(masks)) if (image == i + 1).any()]
    under: dict[int, set[int]] = {}
    for d in seen:
        direct = [c for c in seen if c < d and (masks[c] & masks[d]).any()]
        under[d] = set(direct).union(*(under[c] for c in direct))
    return [1 + len(under[i]) if i in under else 0 for i in range(len(masks))]


def rank_levels(rectangles: list[Sides], size: int) -> list[int]:
    """Return the same by the code under test."""
    sides = np.array(rectangles)
    owners, lines = [], []
    for axis in (sides[:, :2], sides[:, 2:]):
        order = np.argsort(axis.ravel(), kind="stable")
        owners.append(order[None] // 2)
        lines.append(axis.ravel()[order][None])
    wide, high = (
        np.where(count_pixels(at, size) > 0, compute_spans(of), EMPTY)
        for of, at in zip(owners, lines, strict=True)
    )
    visible = np.bitwise_or.reduce(HIGHEST[compute_cover(wide, high)], axis=(1, 2))
    found = compute_levels(true_relation(wide, high, visible, len(rectangles)), visible, "down-set")
    return [int(level) for level in found[0]]


def test_a_hidden_rectangle_transmits_no_order() -> None:
    """H lies over B and under both A1 and A2, which hide it; A2 does not touch B."""
    b, h, a1, a2 = (0, 4, 0, 4), (2, 8, 1, 3), (1, 5, 0, 5), (5, 9, 0, 5)
    assert rank_levels([b, h, a1, a2], 10) == [1, 0, 2, 1]
    assert rank_levels([b, a1, a2], 10) == [1, 2, 1]


def test_ambiguous_items_are_the_rectangles_drawn_painted_in_order_with_their_levels() -> None:
    design, count = Design(size=(8, 8), rectangles=6, gap=1, ambiguous=True), 6
    keys = streams.derive_keys(2, np.arange(300))
    colours, level = draw_scenes_of_count(design, keys, count)
    axes = [draw_free_ends(streams.derive_keys(keys, MEASURING, axis), count, 8) for axis in (0, 1)]
    for i in range(len(keys)):
        ends = [lines[i][np.argsort(owners[i], kind="stable")].reshape(count, 2) for owners, lines in axes]
        rectangles = [tuple(row) for row in np.concatenate(ends, axis=1).tolist()]
        image, found = painted(rectangles, 8), slow_levels(rectangles, 8)
        hues = {c: int(colours[i][image == c][0]) for c in np.unique(image)}
        assert len(set(hues.values())) == len(hues)
        assert np.array_equal(colours[i], np.vectorize(hues.get)(image))
        told = {hue: found[c - 1] for c, hue in hues.items() if c}
        assert {hue: int(n) for hue, n in enumerate(level[i]) if n} == told


def slow_build(key: streams.Words, count: int) -> list[list[int]]:
    """Place rectangles front to back, each the first of its stream that the filter on ranks accepts."""
    sides: list[list[int]] = [[], []]
    for placed in range(count):
        label = count - 1 - placed
        pairs = np.stack(np.triu_indices(2 * placed + 1), axis=1)
        for attempt in range(200):
            drawn = streams.to_integers(
                streams.draw_words(streams.derive_keys(key, placed), 2, 2 * attempt), len(pairs)
            )
            tried = []
            for old, (i, j) in zip(sides, pairs[drawn[0]].tolist(), strict=True):
                tried.append([*old[:i], label, *old[i:j], label, *old[j:]])
            across, down = (np.array([owners]) - label for owners in tried)
            if is_unambiguous(across, down)[0]:
                break
        else:
            raise AssertionError("none fits")
        sides = tried
    return sides


@pytest.mark.parametrize("count", [3, 8])
def test_the_sequential_sampler_takes_the_first_rectangle_that_the_filter_accepts(count: int) -> None:
    keys = streams.derive_keys(
        6, np.arange(3_000)
    )  # so many that a rectangle is looked for in several rounds
    finished, across, down = build_scenes(keys, count, frozenset())
    for i in np.flatnonzero(finished)[:60]:
        assert [across[i].tolist(), down[i].tolist()] == slow_build(keys[i : i + 1], count)
