"""What is guarded: mazes are what they say, and what can be reached is found by looking from cell to cell."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
import torch

from probekit.battery.attack import focus_metric, run_battery
from probekit.battery.readouts.linear import LinearReadout
from probekit_probes.fill.probe import Fill
from probekit_probes.grids import WINDOW_RADIUS, build_grid_window

PROBE = Fill(train=64, validation=64, test=64)


def reached(kinds: np.ndarray) -> dict[tuple[int, int], int]:
    """Return how many steps each cell is from the seed, by a queue."""
    start = tuple(int(one) for one in np.argwhere(kinds == 2)[0])
    steps, queue = {start: 0}, deque([start])
    while queue:
        row, column = queue.popleft()
        for there in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            inside = all(0 <= place < len(kinds) for place in there)
            if inside and kinds[there] and there not in steps:
                steps[there] = steps[row, column] + 1
                queue.append(there)
    return steps


@pytest.mark.parametrize(("split", "near", "far"), [("train", 1, 20), ("test", 1, 20), ("harder", 21, 40)])
def test_the_answer_of_every_cell_is_whether_a_walk_from_the_seed_comes_there(
    split: str, near: int, far: int
) -> None:
    inputs, targets = PROBE.data(split, 0).batch(range(64))  # type: ignore[arg-type]
    assert torch.equal(PROBE.oracle(inputs), targets)
    assert all(bool(rule.all()) for rule in PROBE.certified(inputs).values())
    away = PROBE.axis.difficulty(inputs, targets)
    for image, answer, steps in zip(inputs, targets, away, strict=True):
        kinds = image.argmax(0).numpy()
        walked = reached(kinds)
        assert near <= max(walked.values()) <= far
        assert 0.4 <= len(walked) / (kinds > 0).sum() <= 0.6
        for place in np.ndindex(kinds.shape):
            asks = kinds[place] == 1
            expected = [float(asks and place not in walked), float(asks and place in walked)]
            assert answer[(slice(None), *place)].tolist() == expected
            found = steps[place].item()
            assert found == walked[place] if asks and place in walked else np.isnan(found)


def test_items_are_the_same_on_a_device_alone_or_in_a_batch_and_lie_channels_last() -> None:
    data = PROBE.data("test", 0)
    inputs, targets = data.batch([3, 1])
    assert inputs.shape == (2, 3, 16, 16)
    assert targets.shape == (2, 2, 16, 16)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip((inputs, targets), data.on(torch.device("cpu")).batch([3, 1]), strict=True):  # type: ignore[attr-defined]
        assert torch.equal(one, other)
    assert torch.equal(data[3][0], inputs[0])


def test_the_ball_is_the_best_of_all_radii_and_far_from_a_solution() -> None:
    ball = PROBE.controls()["ball"]
    train, test = PROBE.data("train", 0), PROBE.data("test", 0)
    ball.fit(train)  # type: ignore[union-attr]
    inputs, targets = test.batch(range(64))
    score = PROBE.metrics[1].score(ball(inputs), targets, inputs).mean()  # type: ignore[operator]
    assert 0.65 < score < 0.8


def test_the_window_control_sees_three_cells_each_way() -> None:
    torch.manual_seed(0)
    model = build_grid_window(PROBE.shape, width=8)
    moved = PROBE.data("test", 0).batch([0])[0].requires_grad_()
    model(moved)[0, :, 8, 7].sum().backward()
    assert moved.grad is not None
    rows, columns = moved.grad[0].abs().sum(0).nonzero().unbind(1)
    assert (int(rows.min()), int(rows.max())) == (8 - WINDOW_RADIUS, 8 + WINDOW_RADIUS)
    assert (int(columns.min()), int(columns.max())) == (7 - WINDOW_RADIUS, 7 + WINDOW_RADIUS)


def test_shortcuts_are_judged_by_whole_mazes() -> None:
    probe = Fill(train=4096, validation=64, test=256)
    assert focus_metric(probe).name == probe.metrics[0].name == "exact"
    (entry,) = run_battery(probe, solvers=[LinearReadout()])
    accuracy = entry.scores["accuracy"]  # the floor of the other metric
    assert accuracy is not None
    assert accuracy > 0.7
    assert entry.scores["exact"] == 0
