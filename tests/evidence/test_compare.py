"""What is guarded: no order is claimed within the noise that was measured between seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from small import job, planned

from probekit.catalog.registry import registry
from probekit.cli.report import print_outcomes
from probekit.evidence.compare import INSEPARABLE, compare_results
from probekit.evidence.significance import (
    MIN_DEGREES_OF_FREEDOM,
    degrees_of_freedom,
    holm_correction,
    paired_difference,
    significant_pairs,
)
from probekit.plugin.components import Component
from probekit.plugin.interfaces import Metric
from probekit.runs.run import Outcome
from probekit.storage.folder import Folder
from probekit.storage.result import Environment, Result
from probekit.storage.store import Store
from probekit_probes.nonlocality.probe import Nonlocality
from probekit_probes.nonlocality.scales import SCALES


class Noisy(Nonlocality):
    """A probe whose noise between seeds was measured."""

    scales: ClassVar = {  # type: ignore[misc]
        "smoke": replace(SCALES["smoke"], noise={"loss": 0.01}, decides=True)
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
    found = compare_results(results, metric)
    assert found is not None
    return {standing.structure: standing.describe() for standing in found}


def seeded(means: Mapping[str, float], seeds: int = 3, **asked: Any) -> list[Result]:
    """Return results of so many seeds, each with the mean of its structure."""
    return [result(name, mean, seed, **asked) for name, mean in means.items() for seed in range(seeds)]


def test_two_structures_are_separated_beyond_the_noise_alone() -> None:
    half = 2.7764 * 0.01 * (2 / 3) ** 0.5
    assert said(seeded({"unet": 0.1, "unet+average": 0.1 + 0.99 * half})) == {
        "unet": f"unet: {INSEPARABLE} from unet+average",
        "unet+average": f"unet+average: {INSEPARABLE} from unet",
    }
    assert said(seeded({"unet": 0.1, "unet+average": 0.1 + 1.01 * half})) == {
        "unet": "unet: better than unet+average",
        "unet+average": "unet+average: better than none of these",
    }


def test_the_more_structures_are_compared_the_larger_a_difference_must_be() -> None:
    far = 0.1 + 1.2 * 2.7764 * 0.01 * (2 / 3) ** 0.5
    two = seeded({"unet": 0.1, "unet+average": far})
    assert said(two)["unet"] == "unet: better than unet+average"
    assert INSEPARABLE in said([*two, *seeded({"unet+lambda": 0.5 * (0.1 + far)})])["unet"]


def test_fewer_than_three_seeds_claim_nothing() -> None:
    for seeds in (1, 2):
        assert compare_results(seeded({"unet": 0.1, "unet+average": 0.9}, seeds), LOSS) is None
    one_short = [*seeded({"unet": 0.1}), *seeded({"unet+average": 0.9}, 2)]
    assert compare_results(one_short, LOSS) is None


def test_higher_is_better_where_the_metric_says_so() -> None:
    higher = replace(LOSS, better="higher")
    found = said(seeded({"unet": 0.1, "unet+average": 0.9}), higher)
    assert found["unet+average"].endswith("better than unet")


def test_a_middle_structure_can_be_inseparable_from_both() -> None:
    assert said(seeded({"unet": 0.10, "unet+average": 0.12, "unet+lambda": 0.14})) == {
        "unet": f"unet: better than unet+lambda; {INSEPARABLE} from unet+average",
        "unet+average": f"unet+average: {INSEPARABLE} from unet, unet+lambda",
        "unet+lambda": f"unet+lambda: {INSEPARABLE} from unet+average",
    }


def test_without_measured_noise_the_seeds_themselves_are_paired() -> None:
    apart = seeded({"unet": 0.1, "unet+average": 0.9}, width=4)
    assert said(apart)["unet"] == "unet: better than unet+average"
    scores = {"unet": (0.1, 0.5, 0.3), "unet+average": (0.2, 0.4, 0.35)}
    near = [result(n, s, seed, width=4) for n, found in scores.items() for seed, s in enumerate(found)]
    assert INSEPARABLE in said(near)["unet"]


def test_probabilities_are_corrected_as_in_the_textbook() -> None:
    # the worked example of Holm's procedure: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02
    assert holm_correction([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm_correction([0.6, 0.7]) == [1.0, 1.0]
    assert holm_correction([]) == []


def test_what_is_printed_keeps_the_order_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        Outcome(job(NOISY, probe="noisy", structure=one.plan.structure), one, Folder(tmp_path), stored=True)
        for one in seeded({"unet+average": 0.12, "unet": 0.10})
    ]
    print_outcomes(outcomes, Store(tmp_path), registry=NOISY)
    printed = capsys.readouterr().out
    assert f"unet+average: {INSEPARABLE} from unet\nunet: {INSEPARABLE} from unet+average\n" in printed


def test_different_scales_are_never_compared() -> None:
    other = result("unet", 0.1).model_copy(update={"plan": planned(probe="nonlocality")})
    with pytest.raises(ValueError, match="cannot compare"):
        compare_results([result("unet", 0.1), other], LOSS)


def test_a_score_that_applies_to_nothing_is_left_out() -> None:
    missing = [result("unet+lambda", None, seed) for seed in range(3)]
    assert "unet+lambda" not in said([*missing, *seeded({"unet": 0.1, "unet+average": 0.1})])


def test_the_probability_of_no_difference_is_never_below_zero() -> None:
    apart = {item: 1.0 + 1e-4 * (item % 7) for item in range(1024)}
    found = paired_difference(apart, dict.fromkeys(apart, 0.0))
    assert found is not None
    assert found.p is not None
    assert 0 <= found.p < 1e-12
    assert found.mean > 1


def test_a_structure_that_varies_more_than_the_noise_is_judged_by_its_own_spread() -> None:
    calm, other = {0: 1.0, 1: 0.99, 2: 1.0}, {0: 0.60, 1: 0.61, 2: 0.59}
    wild = {0: 0.29, 1: 0.68, 2: 0.81}  # the same mean as `other`, near enough
    found = significant_pairs({"calm": calm, "other": other, "wild": wild}, 0.01)
    assert found[frozenset({"calm", "other"})] is True
    assert found[frozenset({"calm", "wild"})] is False


def test_seeds_that_vary_as_the_noise_says_add_their_degrees_of_freedom() -> None:
    spread = {0: -0.01, 1: 0.0, 2: 0.01}  # a standard deviation of 0.01
    six = {str(n): {seed: n * 0.035 + off for seed, off in spread.items()} for n in range(6)}
    assert degrees_of_freedom(six.values(), 0.01) == 12
    assert degrees_of_freedom(six.values(), 0.0099) == MIN_DEGREES_OF_FREEDOM
    assert degrees_of_freedom(list(six.values())[:2], 0.01) == MIN_DEGREES_OF_FREEDOM
    assert all(significant_pairs(six, 0.01).values())  # 4.3 standard errors, of 15 pairs, by twelve degrees
    beside = {**six, "wild": {0: -1.0, 1: 0.0, 2: 1.0}}
    assert significant_pairs(beside, 0.01)[frozenset({"0", "1"})] is False  # of 21 pairs, by four


def test_no_difference_is_claimed_of_structures_that_have_none_oftener_than_five_times_in_100() -> None:
    chance, tables = np.random.default_rng(0), 2000
    wrong = 0
    for _ in range(tables):
        drawn = chance.normal(size=(6, 3))
        wrong += any(
            significant_pairs({str(n): dict(enumerate(row)) for n, row in enumerate(drawn)}, 1.0).values()
        )
    assert wrong / tables < 0.05
