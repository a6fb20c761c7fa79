"""What is guarded: a training that blew up is found in its log, stored and said; a calm one is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Run
from small import PROBE, done

from probekit.pages.plots import draw_loss_curves
from probekit.storage.folder import LOG, Folder
from probekit.storage.loss_curve import find_spike, read_losses


@pytest.mark.parametrize(
    ("losses", "found"),
    [
        ([0.2, 0.1, 0.5, 0.11], pytest.approx(2.5)),
        ([0.2, 0.1, 0.5], pytest.approx(2.5)),
        ([0.2, 0.1, 0.5, 0.11, 0.5, 0.2], pytest.approx(2.5)),
        ([0.2, 0.1, 0.5, 0.1], None),
        ([0.2, 0.0, 3.0, 0.3, 0.0], None),
        ([0.2, 0.5, 0.4, 0.3, 0.1], None),
        ([0.2, 0.1, 0.39, 0.3], None),
        ([9.0, 0.1], None),
        ([0.2], None),
        ([], None),
        ([0.0, 1.0], None),
        ([1e-5, 1e308], 1e100),
    ],
)
def test_a_loss_that_rises_and_never_comes_back_is_a_spike(losses: list[float], found: float | None) -> None:
    assert find_spike([(float(step), loss) for step, loss in enumerate(losses)]) == found


def test_losses_of_any_size_are_drawn() -> None:
    points = [(float(step), loss) for step, loss in enumerate([1e-3, 1e308, -1e308, 1.7e308] * 90)]
    for some in (points, points[1::2]):
        drawn = draw_loss_curves([("#3b7dd8", some)], "salt")
        assert drawn.startswith("<svg")
        assert "inf" not in drawn
        assert "nan" not in drawn


def test_rows_that_are_not_whole_are_passed_over(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert read_losses(folder) == []
    (tmp_path / LOG).write_text('{"step": 1, "loss": 0.5}\n{"step": 2}\n[3]\n{"step": 4, "loss": NaN}\n{"ste')
    assert read_losses(folder) == [(1.0, 0.5)]


@pytest.mark.slow
def test_a_training_that_blew_up_is_said_in_the_report_and_on_the_card(probekit: Run, tmp_path: Path) -> None:
    recipe = "supervised(batch=16,epochs=2,lr=0.5,warmup=0.5)"
    words = ("run", PROBE, "-s", "unet", "--scale", "smoke", "--device", "cpu", "--store", str(tmp_path))
    said = probekit(*words, "--trainer", recipe).stdout
    assert "Training of unet, seed 0, blew up: the loss rose to" in said
    assert "seed 0, blew up: the loss rose to" in probekit("card", "--store", str(tmp_path)).stdout


def test_a_calm_training_is_not_accused(tmp_path: Path) -> None:
    assert done(tmp_path).result.spike is None
