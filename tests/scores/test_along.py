"""What is guarded: scores along an axis are means over items, bin by bin, whatever the axis is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small import done
from torch import Tensor

from probekit.cards.aggregate import average_curves
from probekit.cards.formatting import solved_limit, solved_meaning
from probekit.plugin.axis import Axis
from probekit.plugin.errors import RunError
from probekit.plugin.items import Items
from probekit.scores.difficulty_curve import measure_difficulty_curve
from probekit.storage.difficulty_curve import CurveBin, DifficultyCurve
from probekit_probes.grouping.probe import Grouping
from probekit_probes.nonlocality.distance import DISTANCE, junction_distance
from probekit_probes.nonlocality.palette import RGB
from probekit_probes.nonlocality.probe import Nonlocality

CPU = torch.device("cpu")


def asked(axis: Axis, **given: Any) -> tuple[Nonlocality, Any, Any]:
    probe = Nonlocality(size=16, rectangles=3, gap=2, train=16, test=24, validation=4, **given)
    probe.axis = axis
    return probe, probe.data("train", 0), [probe.data("test", 0)]


def wrong(inputs: Tensor) -> Tensor:
    """An answer that is off by a tenth everywhere, and by nothing in the first row."""
    return Nonlocality(size=16, rectangles=3, gap=2).oracle(inputs) + 0.1 * (
        torch.arange(16).view(1, 1, 16, 1) > 0
    )


def test_positions_are_counted_in_their_bins_and_items_are_what_varies() -> None:
    rows = replace(
        DISTANCE,
        difficulty=lambda inputs, targets: torch.arange(16.0).view(1, 16, 1).expand(len(inputs), 16, 16),
        edges=(0, 1, 4, 10),
    )
    found = measure_difficulty_curve(wrong, *asked(rows), CPU)
    assert found is not None
    assert [(p.start, p.stop, p.items) for p in found.points] == [(0, 1, 24), (1, 4, 24), (4, 10, 24)]
    assert [p.mean for p in found.points] == pytest.approx([0, 0.1, 0.1], abs=1e-6)
    assert set(found.controls) == {"constant", "colour median"}


def test_an_axis_of_items_counts_each_item_once() -> None:
    count = replace(
        DISTANCE,
        difficulty=lambda inputs, targets: (targets > 1.5 / 11).flatten(1).float().mean(1),
        score=lambda output, target, inputs: (output - target).abs().flatten(1).mean(1),
        edges=(0, 0.3, 0.6, 1.01),
    )
    found = measure_difficulty_curve(wrong, *asked(count), CPU)
    assert found is not None
    assert sum(point.items for point in found.points) == 24
    assert all(point.mean == pytest.approx(0.1 * 15 / 16, abs=1e-6) for point in found.points)


def test_what_the_axis_means_nothing_for_counts_nowhere() -> None:
    none = replace(
        DISTANCE,
        difficulty=lambda inputs, targets: torch.full((len(inputs),), torch.nan),
        score=lambda output, target, inputs: torch.ones(len(inputs)),
    )
    found = measure_difficulty_curve(wrong, *asked(none), CPU)
    assert found is not None
    assert found.points == ()


@pytest.mark.parametrize("shape", [(3,), (24, 4), (24, 16), ()])
def test_an_axis_of_another_shape_is_said(shape: tuple[int, ...]) -> None:
    odd = replace(DISTANCE, difficulty=lambda inputs, targets: torch.zeros(shape))
    with pytest.raises(RunError, match="the axis distance"):
        measure_difficulty_curve(wrong, *asked(odd), CPU)


@pytest.mark.parametrize("edges", [(), (1,), (2, 1), (1, 1)])
def test_edges_that_do_not_ascend_are_refused(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        replace(DISTANCE, edges=edges)


def test_a_probe_without_an_axis_has_no_curve() -> None:
    probe: Any = Grouping(train=4, test=4, validation=4)
    probe.axis = None
    data = Items(4, lambda index: (torch.zeros(1), torch.zeros(1)))
    assert measure_difficulty_curve(lambda inputs: inputs, probe, data, [data], CPU) is None


def test_seeds_are_joined_bin_by_bin_within_the_bounds() -> None:
    def one(*means: float) -> DifficultyCurve:
        points = tuple(CurveBin(start=i, stop=i + 1, items=9, mean=value) for i, value in enumerate(means))
        return DifficultyCurve(
            axis="a", unit="u", about="", better="lower", bounds=(0.0, None), points=points
        )

    both = average_curves([one(0.1, 0.4), one(0.3)])
    assert both is not None
    assert [point.mean for point in both.points] == pytest.approx([0.2, 0.4])
    assert both.points[0].low == 0.0
    assert (both.points[1].low, both.points[1].high) == (None, None)
    assert average_curves([]) is None


@pytest.mark.parametrize(
    ("means", "better", "limit", "said"),
    [
        ((1.0, 0.96, 0.9, 1.0), "higher", 2.0, "< 2"),
        ((1.0, 0.95, 0.95), "higher", 3.0, "all"),
        ((0.5, 1.0), "higher", 0.0, "none"),
        ((0.1, 2.0), "lower", 1.0, "< 1"),
    ],
)
def test_what_is_solved_ends_at_the_first_bin_that_is_not(
    means: tuple[float, ...], better: Any, limit: float, said: str
) -> None:
    points = tuple(CurveBin(start=i, stop=i + 1, items=9, mean=value) for i, value in enumerate(means))
    one = DifficultyCurve(axis="a", unit="moves", about="", better=better, points=points, solved=0.95)
    assert (one.limit, solved_limit(one)) == (limit, said)
    assert solved_meaning([None, one]) == "the number of moves below which 95% are correct"
    silent = one.model_copy(update={"solved": None})
    assert (silent.limit, solved_limit(silent), solved_meaning([silent, None])) == (None, "", "")


def slowly(image: Tensor) -> Tensor:
    """The distance by its definition, pixel by pixel."""
    colours = {tuple(colour): i for i, colour in enumerate(RGB)}
    height, width = image.shape[1:]
    seen = [
        [colours[tuple(round(float(v) * 255) for v in image[:, y, x])] for x in range(width)]
        for y in range(height)
    ]
    found = torch.full((height, width), torch.nan)
    for y in range(height):
        for x in range(width):
            own = seen[y][x]
            if own == 0:
                continue
            for v in range(height - 1):
                for u in range(width - 1):
                    a, b, c, d = seen[v][u], seen[v][u + 1], seen[v + 1][u], seen[v + 1][u + 1]
                    straight = (a == b and c == d) or (a == c and b == d)
                    if straight or own not in (a, b, c, d) or not {a, b, c, d} - {0, own}:
                        continue
                    away = max(max(v - y, y - v - 1, 0), max(u - x, x - u - 1, 0))
                    found[y, x] = away if found[y, x].isnan() else min(float(found[y, x]), away)
    return found


@pytest.mark.parametrize("frame", [{"size": 14}, {"height": 10, "width": 20}])
def test_the_distance_is_that_of_its_definition(frame: dict[str, int]) -> None:
    probe = Nonlocality(**frame, rectangles=3, gap=2, test=12)
    data = probe.data("test", 0)
    inputs = torch.stack([data[i][0] for i in range(12)])
    found = junction_distance(inputs, inputs)
    for image, drawn in zip(inputs, found, strict=True):
        torch.testing.assert_close(drawn, slowly(image), equal_nan=True)
    assert float(found.nan_to_num().max()) > 2
    assert found.isnan().any()


def test_a_run_stores_its_curve_and_a_card_has_it(tmp_path: Path) -> None:
    result = done(tmp_path, structure="unet", trainer="supervised").result
    assert result.missing == {}
    assert result.along is not None
    assert result.along.axis == "distance"
    assert len(result.along.points) > 3


def test_harder_items_extend_the_curve_of_the_test() -> None:
    probe, train, (test,) = asked(replace(DISTANCE, edges=(0, 100)))
    alone, twice = (
        measure_difficulty_curve(wrong, probe, train, tests, CPU) for tests in ([test], [test, test])
    )
    assert alone is not None
    assert twice is not None
    assert twice.points[0].items == 2 * alone.points[0].items
    assert twice.points[0].mean == pytest.approx(alone.points[0].mean)
    assert twice.controls["constant"][0].items == twice.points[0].items
