"""What is guarded: curves part an image in two, and no window of the middle tells which part is which."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from probekit.plugin.errors import UsageError
from probekit.runs.fingerprint import compute_fingerprint
from probekit.scores.score import score_controls
from probekit_probes import grids, streams
from probekit_probes.fill.probe import Fill
from probekit_probes.grids import WINDOW_RADIUS
from probekit_probes.insideness.curves import (
    BORDER,
    TILT,
    Design,
    choose_inside,
    fit_tilt,
    outline_cells,
    place_pictures,
)
from probekit_probes.insideness.oracle import count_crossings, is_simple_curve
from probekit_probes.insideness.probe import Insideness
from probekit_probes.insideness.sides import SidesInWindow, is_inverted, read_windows, sign_sides
from probekit_probes.insideness.trees import draw_spanning_trees, flip_cells
from probekit_probes.sequences import NO_ANSWER

PROBE = Insideness(size=32, reach=3, near=12, train=256, validation=64, test=64)


@pytest.mark.parametrize(("split", "near", "far"), [("train", 1, 12), ("test", 1, 12), ("harder", 13, 999)])
def test_the_answer_is_the_parity_of_crossings_and_ways_are_as_long_as_said(
    split: str, near: int, far: int
) -> None:
    inputs, targets = PROBE.data(split, 0).batch(range(64))  # type: ignore[arg-type]
    assert torch.equal(PROBE.oracle(inputs), targets)
    assert all(bool(rule.all()) for rule in PROBE.certified(inputs).values())
    free = inputs[:, 0] > 0
    assert torch.equal(count_crossings(inputs)[free] % 2, targets[:, 1][free])
    assert PROBE.axis is not None
    longest = PROBE.axis.difficulty(inputs, targets).flatten(1).nan_to_num(0).amax(1)
    assert ((longest >= near) & (longest <= far)).all()


@pytest.mark.parametrize(("size", "reach"), [(32, 3), (48, 8)])
def test_two_curves_round_one_tree_look_alike_in_the_middle_and_have_opposite_answers(
    size: int, reach: int
) -> None:
    """The floor: whatever a window of this reach sees in the middle is as often inside as outside."""
    design = Design(size, reach, 1, 999)
    keys = streams.derive_keys(np.arange(64))
    cells = flip_cells(draw_spanning_trees(keys, design.nodes), keys)
    words, place = streams.draw_words(keys, 3), streams.draw_words(keys, 2)
    pictures = []
    for coin in (0, 2**63):
        words[:, 0] = coin
        inside, fits = choose_inside(cells, words)
        assert fits.mean() > 0.9
        pictures.append(place_pictures(outline_cells(inside), place, size)[fits])
    one, other = pictures
    seen = slice(design.middle.start - reach, design.middle.stop + reach)
    a, b = one[:, seen, seen], other[:, seen, seen]
    curve = a == NO_ANSWER
    assert (curve == (b == NO_ANSWER)).all()
    assert (a[~curve] == 1 - b[~curve]).all()
    beyond = slice(BORDER - 1, size - BORDER + 1)
    assert ((one == NO_ANSWER) != (other == NO_ANSWER))[:, beyond, beyond].any(), (
        "the middle is as wide as can be"
    )


def test_the_trees_of_a_small_grid_are_drawn_each_as_often() -> None:
    trees = draw_spanning_trees(streams.derive_keys(np.arange(40_000)), 2).reshape(40_000, -1)
    _, counts = np.unique(trees, axis=0, return_counts=True)
    assert len(counts) == 4
    assert stats.chisquare(counts).pvalue > 0.001
    of_nine = np.unique(
        draw_spanning_trees(streams.derive_keys(np.arange(20_000)), 3).reshape(20_000, -1), axis=0
    )
    assert len(of_nine) == 192  # Kirchhoff


def test_nothing_is_left_of_where_the_tree_had_its_nodes() -> None:
    keys = streams.derive_keys(np.arange(2_000))
    trees = draw_spanning_trees(keys, 6)
    assert trees[:, ::2, ::2].all()
    cells = flip_cells(trees, keys)[:, 4:-4, 4:-4]
    shares = [cells[:, row::2, column::2].mean() for row in (0, 1) for column in (0, 1)]
    assert max(shares) - min(shares) < 0.1
    assert 0.4 < min(shares) < max(shares) < 0.7


def test_a_curve_that_touches_itself_or_is_two_is_found() -> None:
    inputs, _ = PROBE.data("test", 0).batch([0, 1])
    broken = inputs.clone()
    row, column = (int(one[0]) for one in torch.nonzero(inputs[0, 1], as_tuple=True))
    broken[0, :, row, column] = torch.tensor([1.0, 0.0])
    broken[1, :, 0, 0] = torch.tensor([0.0, 1.0])
    assert is_simple_curve(inputs).tolist() == [True, True]
    assert is_simple_curve(broken).tolist() == [False, False]


def test_only_the_middle_is_scored_and_all_open_pixels_are_learned_from() -> None:
    inputs, targets = PROBE.data("test", 0).batch(range(8))
    wrong = targets.flip(1)
    scored = wrong.clone()
    scored[..., PROBE.middle, PROBE.middle] = targets[..., PROBE.middle, PROBE.middle]
    for metric in PROBE.metrics:
        assert metric.score(scored, targets, inputs).tolist() == [1.0] * 8
        assert metric.score(wrong, targets, inputs).tolist() == [0.0] * 8
    assert (targets.sum(1) == inputs[:, 0]).all()
    assert PROBE.loss(20 * scored, targets) > 1


def test_a_table_of_patches_is_at_the_floor() -> None:
    probe = Insideness(size=32, reach=3, near=12, train=2048, test=500)
    patch: Any = probe.controls()["patch"]
    patch.fit(probe.data("train", 0))
    inputs, targets = probe.data("test", 0).batch(range(500))
    scores = probe.metrics[0].score(patch(inputs), targets, inputs)
    assert abs(float(scores.mean()) - 0.5) < 4 * float(scores.std()) / 500**0.5
    assert WINDOW_RADIUS == 3


@pytest.mark.parametrize(
    "words", [{"size": 30, "reach": 3}, {"size": 26, "reach": 3}, {"size": 32, "reach": 12}]
)
def test_a_size_without_a_middle_is_refused_and_a_possible_one_is_named(words: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        Insideness(**words)
    said = int(str(caught.value).rpartition("size=")[2].rstrip("."))
    assert Insideness(**{**words, "size": said}).side == said


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (Insideness(size=32, reach=3, near=90), "paths of 91 to 1024 steps"),
        (Insideness(size=32, reach=3, near=2000), "paths of 2001 or more steps"),
        (Fill(size=8, near=60), "grids drawn fits"),
    ],
)
def test_what_no_map_can_be_is_refused_instead_of_being_looked_for(
    probe: Insideness | Fill, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grids, "ATTEMPTS", 16)
    with pytest.raises(UsageError, match=said):
        probe.data("harder", 0).batch([0])


@pytest.mark.parametrize(("size", "reach", "near"), [(24, 3, 2), (32, 5, 8)])
def test_both_sides_have_as_many_dead_ends(size: int, reach: int, near: int) -> None:
    design = Design(size, reach, 1, near)
    keys = streams.derive_keys(7, np.arange(4_000))
    kinds, has_gap, is_swapped = design.draw_pictures(keys)
    excess = design.compare_dead_ends(kinds, is_swapped)
    kept = has_gap & design.thin_out(kinds, is_swapped, keys)
    error = excess[kept].std() / kept.sum() ** 0.5
    assert abs(excess[kept].mean()) < 4 * error < abs(excess[has_gap].mean())
    assert fit_tilt(design, 4_000) == pytest.approx(TILT[size, reach], rel=0.3)


def test_the_size_of_a_curve_shows_whether_it_is_inverted() -> None:
    design = Design(32, 5, 1, 8)
    kinds, _, is_swapped = design.draw_pictures(streams.derive_keys(3, np.arange(200)))
    images = torch.from_numpy(np.stack([kinds != NO_ANSWER, kinds == NO_ANSWER], 1)).float()
    assert (is_inverted(images).numpy() == is_swapped).all()


@pytest.mark.parametrize("split", ["test", "harder"])
def test_the_easy_task_asks_at_the_rim(split: str) -> None:
    hard, easy = (Insideness(easy=easy, train=64, validation=8, test=64) for easy in (False, True))
    inputs, targets = easy.data(split, 0).batch(range(64))  # type: ignore[arg-type]
    assert torch.equal(inputs, hard.data(split, 0).batch(range(64))[0])  # type: ignore[arg-type]
    assert torch.equal(easy.oracle(inputs), targets)
    assert not targets[..., easy.middle, easy.middle].any()
    # what lies between a pixel and the edge of the box, one pixel away, decides
    curve = inputs[:, 1]
    shown = torch.stack([curve.roll(step, axis) for step in (1, -1) for axis in (1, 2)]).sum(0)
    inside, outside = targets[:, 1] > 0, targets[:, 0] > 0
    assert (shown[inside] > 0).all()
    assert inside.any()
    assert outside.any()
    assert easy.metrics[0].score(targets, targets, inputs).tolist() == [1.0] * 64
    assert easy.metrics[0].score(targets.flip(1), targets, inputs).tolist() == [0.0] * 64


def test_counts_of_sides_see_only_a_window() -> None:
    design = Design(32, 5, 1, 8)
    keys = streams.derive_keys(np.arange(64))
    cells = flip_cells(draw_spanning_trees(keys, design.nodes), keys)
    words, place = streams.draw_words(keys, 3), streams.draw_words(keys, 2)
    windows = []
    for coin in (0, 2**63):  # the two curves around a tree differ outside all windows of the middle
        words[:, 0] = coin
        kinds = place_pictures(outline_cells(choose_inside(cells, words)[0]), place, 32)
        images = torch.from_numpy(np.stack([kinds != NO_ANSWER, kinds == NO_ANSWER], 1)).float()
        pixels = SidesInWindow(design.middle, 5).find_pixels(images)
        windows.append(read_windows(sign_sides(images), pixels, 5))
    assert torch.equal(*windows)
    assert (windows[0][:, 5, 5] == 1).all()


def test_counts_of_sides_are_a_floor() -> None:
    probe = Insideness(size=32, reach=5, near=8, train=2048, test=200)
    control: Any = probe.controls()["sides in a window"]
    control.fit(probe.data("train", 0))
    inputs, targets = probe.data("test", 0).batch(range(200))
    assert 0.62 < float(probe.metrics[0].score(control(inputs), targets, inputs).mean()) < 0.75
    assert "sides in a window" not in score_controls(probe, probe.data("train", 0), probe.data("test", 0))
    assert not any("sides in a window" in name for name in compute_fingerprint(probe))
    assert "sides in a window" not in Insideness(easy=True).controls()
