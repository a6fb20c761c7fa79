"""What is guarded: the width chosen is the one nearest to the budget, and the count is the real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small import ASKED, PROBE, call, knowing, planned
from torch import Tensor, nn

from probekit.authors.check import checks
from probekit.catalog.expression import resolve_expression
from probekit.catalog.registry import registry
from probekit.plans import budget
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.plugin.errors import ProbekitError, UsageError
from probekit.plugin.interfaces import Shape

SHAPE = Shape(3, 1, (16, 16))


@pytest.mark.parametrize("text", ["unet", "unet+lambda(heads=4)", "unet+global-context"])
@pytest.mark.parametrize("allowed", [20_000, 50_000, 61_234])
def test_no_admissible_width_is_nearer(text: str, allowed: int) -> None:
    found = resolve_expression(text, "unet", registry())
    step = found.width_step
    gaps = {
        width: abs(budget.count_parameters(found, SHAPE, width) - allowed)
        for width in range(step, 60 + step, step)
    }
    assert gaps[budget.find_nearest_width(found, SHAPE, allowed)] == min(gaps.values())


@pytest.mark.parametrize(
    ("structure", "typed", "width", "said"),
    [
        ("unet+mixer", None, 8, "18,224,193 (304 times the budget)"),
        ("unet+gmlp", None, 8, "(39 times the budget)"),
        ("unet+axial", None, 8, "(27% under budget)"),
        ("unet", 20_000, 6, "18,535 (7% under budget)"),
    ],
)
def test_a_scale_leads_to_eight_channels_at_least(
    structure: str,
    typed: int | None,
    width: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    job = make_job(
        make_spec(probe="nonlocality", structure=structure, scale="laptop", budget=typed), registry()
    )
    assert job.plan.width == width
    options = () if typed is None else ("--budget", str(typed))
    _, out, _ = call(
        capsys, "run", "nonlocality", "-s", structure, "--scale", "laptop", "--dry-run", *options
    )
    assert said in " ".join(out.split())


def test_the_count_is_that_of_the_network_built() -> None:
    found = resolve_expression("unet+lambda+pe", "unet", registry())
    model = found.build(SHAPE, 6)
    assert budget.count_parameters(found, SHAPE, 6) == sum(p.numel() for p in model.parameters())


def test_counting_takes_no_memory_for_weights() -> None:
    def vast(shape: Shape) -> nn.Module:
        return nn.Linear(1 << 21, 1 << 21)

    found = resolve_expression("vast", "unet", knowing("vast", vast))
    assert budget.count_parameters(found, SHAPE, None) == (1 << 42) + (1 << 21)


def test_a_network_that_computes_while_it_is_built_is_counted_too() -> None:
    def dropping(shape: Shape) -> nn.Module:
        rates = [rate.item() for rate in torch.linspace(0, 0.5, 3)]
        return nn.Sequential(nn.Conv2d(3, 1, 1), *(nn.Dropout(rate) for rate in rates))

    assert (
        budget.count_parameters(
            resolve_expression("dropping", "unet", knowing("dropping", dropping)), SHAPE, None
        )
        == 4
    )


def test_a_budget_out_of_reach_is_refused_with_the_nearest_count() -> None:
    found = resolve_expression("unet+lambda(heads=64)", "unet", registry())
    least = budget.count_parameters(found, SHAPE, 64)
    with pytest.raises(UsageError, match=rf"the nearest width, 64, has {least:,}.*--budget {least}"):
        budget.find_nearest_width(found, SHAPE, 10_000, typed=True)


@pytest.mark.parametrize("structure", ["unet+mixer", "transformer(heads=64)", "unet+lambda(heads=64)"])
def test_a_budget_that_a_scale_wishes_is_met_as_nearly_as_can_be_and_the_gap_is_kept(structure: str) -> None:
    plan = make_job(make_spec(probe="nonlocality", structure=structure, scale="quick"), registry()).plan
    assert plan.budget == 240_000
    assert plan.budget_gap is not None
    assert abs(plan.budget_gap) > budget.REFUSED
    assert plan.parameters == round(240_000 * (1 + plan.budget_gap))


@pytest.mark.parametrize(
    ("structure", "width", "wished"),
    [
        ("unet+nystrom", 8, 4),
        ("transformer", 8, 4),
        ("unet+reformer(heads=3)", 3, 4),
        ("unet+lambda(heads=64)", 64, 4),
        ("unet+lambda(heads=2)", 4, None),
        ("unet", 4, None),
    ],
)
def test_the_width_of_a_scale_is_a_wish_and_the_nearest_that_fits_is_taken(
    structure: str, width: int, wished: int | None
) -> None:
    plan = planned(structure=structure)
    assert (plan.width, plan.width_wished) == (width, wished)


def test_a_width_is_the_nearest_multiple_and_one_step_at_least() -> None:
    for step in range(1, 12):
        for wished in range(1, 40):
            found = (allowed := range(step, 100, step))[budget.find_nearest(allowed, wished)]
            assert found % step == 0
            assert found >= step
            assert abs(found - wished) == min(abs(many * step - wished) for many in range(1, 50))


def test_a_run_says_first_and_last_that_its_width_is_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", PROBE, "-s", "plain+nystrom", "--scale", "smoke", "--trainer", ASKED["trainer"])
    said = "8 (closest to the scale's 4)"
    code, out, err = call(capsys, *words, "--store", str(tmp_path), "--device", "cpu")
    assert (code, f"width {said}" in err.splitlines()[0], f"width {said}" in out) == (0, True, True)
    assert said in call(capsys, *words, "--dry-run")[1]
    (row,) = json.loads(call(capsys, *words, "--dry-run", "--json")[1])
    assert (row["width"], row["width_wished"]) == (8, 4)


def test_a_width_that_was_typed_is_refused_where_it_does_not_fit() -> None:
    with pytest.raises(UsageError, match=r"a multiple of 8\. Type --width 8\."):
        planned(structure="transformer", width=4)


def test_what_a_scale_wished_is_no_part_of_the_identity() -> None:
    moved, typed = planned(structure="transformer"), planned(structure="transformer", width=8)
    assert (moved.width_wished, typed.width_wished) == (4, None)
    assert moved.identity == typed.identity


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(ProbekitError, match="it built a int"):
        budget.count_parameters(
            resolve_expression("mine", "unet", knowing("mine", lambda shape: 3)), SHAPE, None
        )


def test_a_typed_budget_is_accepted_where_the_scale_s_own_is() -> None:
    asked = {"probe": "nonlocality", "structure": "transformer(heads=64)", "scale": "quick"}
    own = make_job(make_spec(**asked), registry()).plan
    assert own.budget_gap is not None
    assert own.budget is not None
    assert abs(own.budget_gap) > budget.REFUSED
    typed = make_job(make_spec(**asked, budget=own.budget), registry()).plan
    assert (typed.width, typed.parameters) == (own.width, own.parameters)
    with pytest.raises(UsageError, match="the nearest width"):
        make_job(make_spec(**asked, budget=own.budget - 1000), registry())


class Fixed(nn.Module):
    """Works with some widths only, as networks of a library do."""

    dims, widths = (2,), (8, 16, 32, 64)

    def __init__(self, shape: Shape, *, width: int, layer: Any = None) -> None:
        super().__init__()
        assert width in self.widths
        self.stem = nn.Conv2d(shape.inputs, width, 1)
        self.layer = nn.Identity() if layer is None else layer(width, shape.size, {})
        self.head = nn.Conv2d(width, shape.outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.layer(self.stem(x)))
        return y


@pytest.mark.parametrize(
    ("asked", "width"),
    [
        ({"scale": "smoke"}, 8),  # the scale suggests 4
        ({"width": 32}, 32),
        ({"budget": 300}, 64),  # 5 * 64 + 1 parameters
        ({"budget": 150}, 32),
        ({"structure": "fixed+transformer(heads=32)", "scale": "smoke"}, 32),
    ],
)
def test_a_structure_may_have_some_widths_only(asked: dict[str, Any], width: int) -> None:
    assert planned(knowing("fixed", Fixed), **{"structure": "fixed", **asked}).width == width


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"width": 12}, r"it has the widths 8, 16, 32, 64\. Type --width 8 or --width 16\."),
        ({"width": 128}, r"Type --width 64\."),
        ({"structure": "fixed+transformer(heads=3)"}, "a multiple of 3, and fixed has the widths 8, 16"),
        ({"budget": 9_000}, "the nearest width, 64"),
    ],
)
def test_another_width_is_refused_with_the_nearest(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        planned(knowing("fixed", Fixed), **{"structure": "fixed", **asked})


@pytest.mark.parametrize("widths", [(), 8, (8, 0), (8, "16"), "8, 16"])
def test_widths_that_are_no_numbers_are_refused(widths: Any) -> None:
    class Wrong(Fixed):
        pass

    Wrong.widths = widths
    with pytest.raises(ProbekitError, match=r"such as \(8, 16, 32, 64\)"):
        planned(knowing("fixed", Wrong), structure="fixed")


@pytest.mark.slow
def test_a_structure_with_some_widths_passes_its_checks() -> None:
    known = registry().with_components(Component("structure", "fixed", Fixed, "for a test"))
    for check in checks("structure", "fixed", registry=known):
        assert check.evaluate().state != "fails", check.name
