"""What is guarded: arrows are told apart by turns and mirrors alone, and training shows one orientation."""

from __future__ import annotations

import pytest
import torch

from probekit_probes.rotation.arrows import ARROW, ORIENTATIONS
from probekit_probes.rotation.oracle import find_tips, solve_arrows
from probekit_probes.rotation.probe import Rotation

PROBE = Rotation()


def picture(split: str) -> tuple[torch.Tensor, torch.Tensor]:
    data = PROBE.data(split, 0)  # type: ignore[arg-type]
    return data.batch(range(len(data)))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_oracle_finds_what_every_arrow_aims_at(split: str) -> None:
    inputs, targets = picture(split)
    assert torch.equal(solve_arrows(inputs), targets)
    assert all(bool(rule.all()) for rule in PROBE.certified(inputs).values())
    assert (inputs.flatten(1).sum(1) == len(ARROW)).all()
    assert not (inputs * targets).any()


def test_training_shows_one_orientation_and_the_test_all_others_everywhere() -> None:
    told = {
        split: PROBE.axis.difficulty(*picture(split)).unique(return_counts=True)
        for split in ("train", "validation", "test")
    }
    assert told["train"][0].tolist() == told["validation"][0].tolist() == [0.0]
    assert told["test"][0].tolist() == list(map(float, range(1, ORIENTATIONS)))
    assert set(told["test"][1].tolist()) == {150}
    assert int(told["train"][1][0] + told["validation"][1][0]) == 150
    seen = torch.cat([picture("train")[0], picture("validation")[0]]).flatten(1)
    assert len(seen.unique(dim=0)) == 150


def test_a_turned_image_has_the_turned_answer_and_another_orientation() -> None:
    inputs, targets = picture("train")
    orientations = set()
    for mirrored in (False, True):
        for quarters in range(4):
            moved, answer = (
                torch.rot90(one.flip(3) if mirrored else one, quarters, (2, 3)) for one in (inputs, targets)
            )
            assert torch.equal(solve_arrows(moved), answer)
            (orientation,) = PROBE.find_orientation(moved, answer).unique().tolist()
            orientations.add(orientation)
    assert orientations == set(map(float, range(ORIENTATIONS)))


def test_who_answers_the_same_way_is_right_in_training_and_never_in_the_test() -> None:
    control = PROBE.controls()["same way"]
    control.fit(PROBE.data("train", 0))  # type: ignore[union-attr]
    for split, share in (("validation", 1.0), ("test", 0.0)):
        inputs, targets = picture(split)
        assert PROBE.metrics[0].score(control(inputs), targets, inputs).mean() == share  # type: ignore[operator]


def test_the_answer_is_the_greatest_cell_and_ties_of_none_are_no_answer() -> None:
    inputs, targets = picture("validation")
    score = PROBE.metrics[0].score
    assert score(5 * targets - 9, targets, inputs).tolist() == [1.0] * len(inputs)
    assert torch.equal(PROBE.answer(targets - 0.5), targets)
    assert score(torch.zeros_like(targets), targets, inputs).sum() == 0
    assert PROBE.loss(200 * targets, targets) == 0
    assert not find_tips(torch.zeros_like(inputs)).any()
