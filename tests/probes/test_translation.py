"""What is guarded: every place of a kind is in its split, the oracle is exact, the floors as stated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small import done
from torch import Tensor
from torch.utils.data import DataLoader

from probekit.catalog.registry import registry
from probekit.evidence.certify import certify_probe
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit.scores.score import best_control_scores, mean_scores, score_controls, score_items
from probekit.storage.store import Store
from probekit_probes.translation.controls import (
    AllWhite,
    ConstantMask,
    NearestPosition,
    build_dense,
    locate_white_pixels,
)
from probekit_probes.translation.dataset import list_centres
from probekit_probes.translation.probe import Translation

SPLITS = ("train", "validation", "test")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def paper() -> Translation:
    return Translation()


@pytest.fixture(scope="module")
def small() -> Translation:
    return Translation(size=16, square=5)


def every(probe: Translation, split: Any) -> tuple[Tensor, Tensor]:
    data = probe.data(split, 0)
    return data.batch(range(len(data)))


def test_the_splits_hold_as_many_places_as_the_paper_says(paper: Translation) -> None:
    assert [len(paper.data(split, 0)) for split in ("train", "test")] == [484, 1452]
    quick = Translation(**Translation.scales["quick"].parameters)
    assert [len(quick.data(split, 0)) for split in ("train", "test")] == [121, 363]


@pytest.mark.parametrize(("size", "square"), [(64, 21), (32, 11), (16, 5), (3, 1), (10, 3), (9, 7)])
def test_the_splits_are_disjoint_and_together_hold_every_place_once(size: int, square: int) -> None:
    found = [tuple(place) for split in SPLITS for place in list_centres(size, square, split).tolist()]
    assert len(found) == len(set(found)) == size**2
    assert all(len(list_centres(size, square, split)) for split in ("train", "test"))


def test_the_training_places_are_the_central_half_of_those_that_fit(paper: Translation) -> None:
    train, test = (list_centres(64, 21, split) for split in ("train", "test"))
    assert (train.amin(0).tolist(), train.amax(0).tolist()) == ([21, 21], [42, 42])
    assert (test.amin(0).tolist(), test.amax(0).tolist()) == ([10, 10], [53, 53])


@pytest.mark.parametrize("split", SPLITS)
def test_an_item_is_a_white_pixel_and_the_square_centred_on_it(small: Translation, split: str) -> None:
    for (image, mask), (row, column) in zip(
        zip(*every(small, split), strict=True), list_centres(16, 5, split).tolist(), strict=True
    ):
        truth = torch.zeros(16, 16)
        truth[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = 1
        assert image.dtype == mask.dtype == torch.float32
        assert torch.equal(mask, truth[None])
        assert image.nonzero().tolist() == [[0, row, column]]
        assert image[0, row, column] == 1


def test_an_item_is_the_same_alone_shuffled_by_workers_and_for_every_seed(small: Translation) -> None:
    whole = every(small, "train")
    data = small.data("train", 7)
    single = [torch.stack(column) for column in zip(*(data[i] for i in range(len(data))), strict=True)]
    assert all(torch.equal(one, other) for one, other in zip(whole, single, strict=True))
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0)).tolist()
    assert all(torch.equal(a[order], b) for a, b in zip(whole, data.batch(order), strict=True))
    loaded = zip(*DataLoader(data, batch_size=5, num_workers=2), strict=True)
    assert all(torch.equal(a, torch.cat(b)) for a, b in zip(whole, loaded, strict=True))


def test_an_index_outside_the_split_is_refused(small: Translation) -> None:
    for index in (-1, 36):
        with pytest.raises(IndexError, match="items 0 to 35"):
            small.data("train", 0)[index]


@pytest.mark.parametrize("split", SPLITS)
def test_the_oracle_is_exact_and_the_truth_scores_perfectly(small: Translation, split: str) -> None:
    images, masks = every(small, split)
    answers = small.oracle(images)
    assert torch.equal(answers, masks)
    assert (small.metrics[0].score(masks, masks, images) == 1).all()
    logits = torch.cat([masks, 1 - masks], dim=1) * 200
    assert torch.equal(small.answer(logits), masks)
    assert (small.metrics[0].score(logits, masks, images) == 1).all()
    assert small.loss(logits, masks) < 1e-6 < small.loss(logits.flip(1), masks)


def test_intersection_over_union_is_that_of_sets_of_pixels(small: Translation) -> None:
    images, masks = every(small, "test")
    said = torch.rand(len(masks), 2, 16, 16, generator=torch.Generator().manual_seed(0))
    found = small.metrics[0].score(said, masks, images)
    for output, mask, value in zip(said, masks, found, strict=True):
        white = {tuple(place) for place in (output[0] > output[1]).nonzero().tolist()}
        truth = {tuple(place) for place in mask[0].nonzero().tolist()}
        assert float(value) == pytest.approx(len(white & truth) / len(white | truth))


def test_the_floors_at_paper_scale_are_those_stated(paper: Translation) -> None:
    """The all-white image and the memoriser in closed form; the constant mask is measured."""
    train, test = paper.data("train", 0), paper.data("test", 0)
    found = {}
    for name, control in paper.controls().items():
        if isinstance(control, NearestPosition | ConstantMask | AllWhite):
            control.fit(train)
            found[name] = mean_scores(score_items(control, paper, test, len(test), CPU))["iou"]
    assert found["all white"] == pytest.approx(21**2 / 64**2)
    off = (list_centres(64, 21, "test")[:, None] - list_centres(64, 21, "train")).abs().sum(2).argmin(1)
    shared = (
        (21 - (list_centres(64, 21, "test") - list_centres(64, 21, "train")[off]).abs()).clamp(min=0).prod(1)
    )
    assert found["nearest position"] == pytest.approx(float((shared / (2 * 441 - shared)).mean()), abs=1e-6)
    assert {name: round(100 * (value or 0), 1) for name, value in found.items()} == {
        "nearest position": 50.4,
        "constant mask": 16.0,
        "all white": 10.8,
    }


def test_the_memoriser_is_the_floor_and_knows_what_it_was_shown(small: Translation) -> None:
    train, test = small.data("train", 0), small.data("test", 0)
    control = NearestPosition()
    control.fit(train)
    images, masks = every(small, "train")
    assert torch.equal(control(images), masks)
    assert next(iter(small.controls())) == "nearest position"
    assert best_control_scores(small, score_controls(small, train, test)) == mean_scores(
        score_items(control, small, test, len(test), CPU)
    )


def test_no_centred_square_is_a_better_constant_than_the_constant_mask(small: Translation) -> None:
    images, masks = every(small, "test")
    control = ConstantMask(small.data("test", 0))
    control.fit(small.data("train", 0))
    iou = small.metrics[0].score
    best = float(iou(control(images), masks, images).mean())
    for reach in range(1, 9):
        square = torch.zeros(1, 1, 16, 16)
        square[..., 8 - reach : 8 + reach, 8 - reach : 8 + reach] = 1
        assert float(iou(square.expand_as(masks), masks, images).mean()) <= best


def test_the_dense_control_has_weights_of_its_own_for_each_pixel(small: Translation) -> None:
    torch.manual_seed(0)
    network = build_dense(Shape(1, 2, (16, 16)), width=4)
    images, masks = every(small, "train")
    assert network(images).shape == (len(images), 2, 16, 16)
    small.loss(network(images), masks).backward()
    touched = next(network.parameters()).grad.abs().sum(0).view(16, 16) > 0
    assert torch.equal(touched, images.sum((0, 1)) > 0)


def test_the_image_proves_that_its_label_is_the_only_one(small: Translation) -> None:
    images, masks = every(small, "test")
    assert all(bool(holds.all()) for holds in small.certified(images).values())
    assert not small.certified(every(small, "validation")[0])["its square fits"].any()
    two = (images + images.flip(0)).clamp(max=1)
    assert not small.certified(two)["one pixel is white"].any()
    assert not small.certified(images / 2)["one pixel is white"].any()
    assert torch.equal(locate_white_pixels(images).long(), list_centres(16, 5, "test"))
    assert torch.equal(
        small.contents(images, masks)["row of the white pixel"], locate_white_pixels(images)[:, 0]
    )


def test_certifying_passes_and_shows_every_floor(tmp_path: Path) -> None:
    found = certify_probe("translation", "smoke", registry(), Store(tmp_path), items=36)
    assert found.passed, found.checks
    assert [check.holds for check in found.checks] == [True, True, None, True, True, True]
    said = found.checks[-1].evidence
    closed, networks = said.split("; network controls, ")
    assert all(f"{name} " in closed for name in ("nearest position", "constant mask", "all white"))
    assert "dense -" in networks


def test_a_run_learns_the_middle_and_is_scored_everywhere(tmp_path: Path) -> None:
    result = done(
        tmp_path,
        probe="translation",
        structure="lambda(heads=8,keys=8)+pe",
        trainer="supervised(batch=12,epochs=20,lr=0.01)",
    ).result
    assert result.status == "done", result.error
    assert (result.train["iou"] or 0) > 2 * 25 / 256  # twice what an all-white answer scores
    assert set(result.metrics) >= {"iou", "gap"}


@pytest.mark.parametrize(
    ("asked", "hint"),
    [({"square": 4}, "square=3"), ({"size": 22, "square": 21}, "size=23")],
)
def test_what_leaves_a_split_empty_is_refused_with_what_to_type(asked: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        Translation(**asked)


def test_the_axis_is_the_distance_from_the_places_of_training(small: Translation) -> None:
    known = {tuple(place) for place in list_centres(16, 5, "train").tolist()}
    inputs, targets = every(small, "test")
    found = small.measure_distance(inputs, targets)
    for place, distance in zip(locate_white_pixels(inputs).tolist(), found.tolist(), strict=True):
        assert distance == min(max(abs(place[0] - r), abs(place[1] - c)) for r, c in known)
    assert small.axis.edges[0] == 0
    assert float(found.max()) < small.axis.edges[-1]
    inputs, targets = every(small, "train")
    assert (small.measure_distance(inputs, targets) == 0).all()
