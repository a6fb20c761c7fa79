"""What is guarded: pictures show the cases they name, in one and two dimensions, the same bytes each time."""

from __future__ import annotations

import io

import pytest
import torch
from asking import Agree
from matplotlib.image import imread
from torch import Tensor

from probekit.plugin.interfaces import Metric
from probekit.scores.cases import choose_extremes, clear_unscored
from probekit.scores.pictures import GridRow, draw_grid, is_flat, to_image

LOSS = Metric("loss", "lower", 0.0, lambda output, target, inputs: output, "")
HITS = Metric("hits", "higher", 1.0, lambda output, target, inputs: output, "")
NAN = float("nan")


@pytest.mark.parametrize(
    ("metric", "scores", "picks"),
    [
        (LOSS, [0.1, 0.5, 0.3, 0.2, 0.4], {"worst": 1, "second worst": 4, "median": 2, "best": 0}),
        (HITS, [0.1, 0.5, 0.3, 0.2, 0.4], {"worst": 0, "second worst": 3, "median": 2, "best": 1}),
        (LOSS, [NAN, 0.5, NAN, 0.2, 0.4], {"worst": 1, "second worst": 4, "best": 3}),
        (HITS, [NAN, 0.5], {"worst": 1}),
        (LOSS, [NAN, NAN], {"worst": 0}),
        (LOSS, [0.2, 0.1], {"worst": 0, "second worst": 1}),
    ],
)
def test_the_cases_are_the_worst_the_median_and_the_best(
    metric: Metric, scores: list[float], picks: dict[str, int]
) -> None:
    assert dict(choose_extremes(torch.tensor(scores), metric.better)) == picks


def panels(*size: int) -> tuple[Tensor, ...]:
    torch.manual_seed(0)
    return (torch.rand(3, *size), torch.rand(1, *size), torch.randn(1, *size))


@pytest.mark.parametrize("size", [(8, 8), (4, 12), (16,)])
def test_a_grid_draws_images_and_sequences_and_is_the_same_bytes_each_time(size: tuple[int, ...]) -> None:
    strips = [GridRow("one", panels(*size)), GridRow("two", panels(*size))]
    drawn = draw_grid("title", ("input", "truth", "error"), strips, frozenset({"error"}))
    assert drawn == draw_grid("title", ("input", "truth", "error"), strips, frozenset({"error"}))
    pixels = imread(io.BytesIO(drawn))
    assert pixels.std() > 0.1


def test_a_picture_shows_the_colours_it_is_given() -> None:
    red = torch.zeros(3, 8, 8)
    red[0] = 1
    pixels = imread(io.BytesIO(draw_grid("", ("input",), [GridRow("", (red,))])))[..., :3]
    share = ((pixels[..., 0] > 0.99) & (pixels[..., 1:] < 0.01).all(-1)).mean()
    assert share > 0.2


def test_errors_are_white_at_zero_red_above_and_blue_below() -> None:
    error = torch.zeros(1, 8, 8)
    error[:, :4], error[:, 4:] = 1, -1
    pixels = imread(io.BytesIO(draw_grid("", ("error",), [GridRow("", (error,))], frozenset({"error"}))))[
        ..., :3
    ]
    upper, lower = pixels[: len(pixels) // 2], pixels[len(pixels) // 2 :]
    assert ((upper[..., 0] - upper[..., 2]) > 0.2).any()
    assert ((lower[..., 2] - lower[..., 0]) > 0.2).any()


@pytest.mark.parametrize("size", [(8, 8), (16,)])
def test_channels_of_which_a_place_has_one_are_told_apart_by_colour(size: tuple[int, ...]) -> None:
    classes = torch.zeros(4, *size)
    classes[1, ..., :4] = 1
    classes[3, ..., 4:6] = 1
    shown = to_image(classes)
    assert shown.shape[-1] == 3
    assert len({tuple(place) for row in shown for place in row.round(3).tolist()}) == 3


def test_of_an_error_in_several_channels_the_furthest_is_drawn() -> None:
    near, far = torch.zeros(2, 4, 4), torch.zeros(2, 4, 4)
    near[0], far[1] = 0.1, -1.0
    drawn = [
        draw_grid("", ("error",), [GridRow("", (error,))], frozenset({"error"})) for error in (near, far)
    ]
    blue = imread(io.BytesIO(drawn[1]))[..., :3].reshape(-1, 3)
    assert drawn[0] != drawn[1]
    assert ((blue[:, 2] > 0.3) & (blue[:, 0] < 0.1)).mean() > 0.1


def test_a_long_frame_is_drawn_with_pixels_higher_than_wide_and_no_other_is() -> None:
    picture = torch.arange(3 * 4 * 128.0).view(3, 4, 128) / 1536
    shown = to_image(picture)
    assert shown.shape == (16, 128, 3)
    for row in range(4):
        assert (shown[4 * row : 4 * row + 4] == picture[:, row].T.numpy()).all()
    assert to_image(picture[:, :, :32]).shape == (4, 32, 3)
    assert is_flat(picture)
    assert not is_flat(picture[:, :, :16])


def test_what_is_drawn_of_an_answer_is_what_its_probe_says() -> None:
    outputs, targets = torch.tensor([[1.0]]), torch.tensor([[3.0]])

    class Answers(Agree):
        def answer(self, outputs: Tensor) -> Tensor:
            return -outputs

    class Draws(Answers):
        def drawn(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return outputs + targets

    assert [float(probe().drawn(outputs, targets)) for probe in (Agree, Answers, Draws)] == [1.0, -1.0, 4.0]


def test_an_answer_that_is_not_scored_is_no_error() -> None:
    truth = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])  # two classes; the last two positions are not scored
    answer = torch.tensor([[1.0, 1, 0, 1], [0, 0, 1, 0]])
    assert (clear_unscored(answer, truth) - truth).abs().sum(0).tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize(
    "answer", [[[0.0, 1, 0], [0, 1, 0]], [[0.5, 1, 0], [0.5, 0, 1]]], ids=["several classes", "numbers"]
)
def test_other_answers_are_drawn_whole(answer: list[list[float]]) -> None:
    truth = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    assert clear_unscored(torch.tensor(answer), truth).tolist() == answer
