"""What is guarded: no order is claimed within the noise that was measured between seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from small import job, planned

from probekit.catalog.registry import registry
from probekit.cli.report import print_comparison
from probekit.components import Component
from probekit.evidence.compare import INSEPARABLE, paired, standings
from probekit.interfaces import Metric
from probekit.runs.run import Outcome
from probekit.storage.folder import Folder
from probekit.storage.result import Environment, Result
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.scales import SCALES


class Noisy(Nonlocality):
    """A probe whose noise between seeds was measured."""

    scales: ClassVar = {  # type: ignore[misc]
        "smoke": replace(SCALES["smoke"], noise={"loss": 0.01})
    }


HERE = Environment(probekit="0", torch="2", python="3", device="cpu", threads=1)
NOISY = registry().with_components(Component("probe", "noisy", Noisy, ""))
LOSS = Metric("loss", "lower", 0.0, lambda output, target, inputs: output, "")


def result(structure: str, score: float | None, seed: int = 0, **asked: Any) -> Result:
    given = {"probe": "noisy", "trainer": "supervised", "structure": structure, "seed": seed, **asked}
    plan = planned(NOISY, **given)
    metrics = {"loss": score}
    return Result(plan=plan, status="done", metrics=metrics, floors={"loss": 1.0}, environment=HERE)


def said(results: list[Result], metric: Metric = LOSS) -> dict[str, str]:
    found = standings(results, metric)
    assert found is not None
    return {standing.structure: standing.sentence() for standing in found}


def test_two_structures_are_separated_beyond_the_noise_alone() -> None:
    near, far = 0.99 * 2.78 * 0.01 * 2**0.5, 1.01 * 2.78 * 0.01 * 2**0.5
    assert said([result("unet", 0.1), result("unet+average", 0.1 + near)]) == {
        "unet": f"unet: {INSEPARABLE} from unet+average",
        "unet+average": f"unet+average: {INSEPARABLE} from unet",
    }
    assert said([result("unet", 0.1), result("unet+average", 0.1 + far)]) == {
        "unet": "unet: better than unet+average",
        "unet+average": "unet+average: better than none of these",
    }


def test_more_seeds_separate_more() -> None:
    means = {"unet": 0.1, "unet+average": 0.123}
    assert INSEPARABLE in said([result(name, mean) for name, mean in means.items()])["unet"]
    several = [result(name, mean, seed) for name, mean in means.items() for seed in range(3)]
    assert said(several)["unet"] == "unet: better than unet+average"


def test_higher_is_better_where_the_metric_says_so() -> None:
    higher = replace(LOSS, better="higher")
    assert said([result("unet", 0.1), result("unet+average", 0.9)], higher)["unet+average"].endswith(
        "better than unet"
    )


def test_a_middle_structure_can_be_inseparable_from_both() -> None:
    results = [result("unet", 0.10), result("unet+average", 0.12), result("unet+lambda", 0.14)]
    assert said(results) == {
        "unet": f"unet: better than unet+lambda; {INSEPARABLE} from unet+average",
        "unet+average": f"unet+average: {INSEPARABLE} from unet, unet+lambda",
        "unet+lambda": f"unet+lambda: {INSEPARABLE} from unet+average",
    }


def test_without_measured_noise_no_order_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    results = [result("unet", 0.1, width=4), result("unet+average", 0.9, width=4)]
    assert standings(results, LOSS) is None
    print_for_nonlocality(results)
    assert "no order is claimed" in capsys.readouterr().out


def test_what_is_printed_keeps_the_order_asked(capsys: pytest.CaptureFixture[str]) -> None:
    print_for_nonlocality([result("unet+average", 0.12), result("unet", 0.10)])
    printed = capsys.readouterr().out
    assert f"unet+average: {INSEPARABLE} from unet\nunet: {INSEPARABLE} from unet+average\n" in printed


def print_for_nonlocality(results: list[Result]) -> None:
    """Print results as if of the probe itself, whose metrics they have."""
    print_comparison([Outcome(job(), one, Folder(Path()), stored=True) for one in results])


def test_different_scales_are_never_compared() -> None:
    other = result("unet", 0.1).model_copy(update={"plan": planned(probe="nonlocality")})
    with pytest.raises(ValueError, match="not compared"):
        standings([result("unet", 0.1), other], LOSS)


def test_a_score_that_applies_to_nothing_is_left_out() -> None:
    assert list(said([result("unet", None), result("unet+average", 0.1)])) == ["unet+average"]


def test_the_probability_of_no_difference_is_never_below_zero() -> None:
    apart = {item: 1.0 + 1e-4 * (item % 7) for item in range(1024)}
    found = paired(apart, dict.fromkeys(apart, 0.0))
    assert found is not None
    assert found.p is not None
    assert 0 <= found.p < 1e-12
    assert found.mean > 1
