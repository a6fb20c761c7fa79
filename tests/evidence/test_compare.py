"""What is guarded: no order is claimed within the noise between seeds, and what differs is said."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from small import job
from stores import KNOWN, card_of, put

from probekit.cli.report import print_outcomes
from probekit.evidence.compare import INSEPARABLE, compare_structures, rank_structures, subtract_estimates
from probekit.evidence.differences import correct_by_holm, find_behind, find_p
from probekit.evidence.estimate import Estimate
from probekit.plugin.interfaces import Metric
from probekit.runs.run import Outcome
from probekit.storage.store import Store

LOSS = Metric("loss", "lower", 0.0, lambda output, target, inputs: output, "", bounds=(0.0, None))


def estimates(
    means: Mapping[str, float], error: float = 0.01, freedom: float = 4
) -> dict[str, Estimate | None]:
    return {name: Estimate(mean=mean, error=error, freedom=freedom, seeds=3) for name, mean in means.items()}


def said(found: Mapping[str, Estimate | None], better: str = "lower") -> dict[str, str]:
    standings = compare_structures(found, better)
    assert standings is not None
    return {standing.structure: standing.describe() for standing in standings}


def test_two_structures_are_separated_beyond_the_noise_alone() -> None:
    half = 2.306 * 0.01 * 2**0.5  # Student's t at 4 + 4 degrees of freedom
    assert said(estimates({"unet": 0.1, "unet+average": 0.1 + 0.99 * half})) == {
        "unet": f"unet: {INSEPARABLE} from unet+average",
        "unet+average": f"unet+average: {INSEPARABLE} from unet",
    }
    assert said(estimates({"unet": 0.1, "unet+average": 0.1 + 1.01 * half})) == {
        "unet": "unet: better than unet+average",
        "unet+average": "unet+average: better than none of these",
    }


def test_the_more_structures_are_compared_the_larger_a_difference_must_be() -> None:
    two = {"unet": 0.1, "unet+average": 0.1 + 1.2 * 2.306 * 0.01 * 2**0.5}
    assert said(estimates(two))["unet"] == "unet: better than unet+average"
    assert INSEPARABLE in said(estimates({**two, "unet+lambda": 0.11}))["unet"]


def test_without_an_estimate_of_each_nothing_is_claimed() -> None:
    found = {**estimates({"unet": 0.1, "unet+average": 0.9}), "unet+lambda": None}
    assert compare_structures(found, "lower") is None
    assert compare_structures(estimates({"unet": 0.1}), "lower") is None
    ranks = rank_structures(found, LOSS)
    assert {name: standing for name, (standing, _) in ranks.items()} == {
        "unet": "no order claimed", "unet+average": "behind", "unet+lambda": "no order claimed",
    }  # fmt: skip


def test_higher_is_better_where_the_metric_says_so() -> None:
    found = estimates({"unet": 0.1, "unet+average": 0.9})
    assert said(found, "higher")["unet+average"].endswith("better than unet")


def test_a_middle_structure_can_be_inseparable_from_both() -> None:
    assert said(estimates({"unet": 0.10, "unet+average": 0.13, "unet+lambda": 0.16})) == {
        "unet": f"unet: better than unet+lambda; {INSEPARABLE} from unet+average",
        "unet+average": f"unet+average: {INSEPARABLE} from unet, unet+lambda",
        "unet+lambda": f"unet+lambda: {INSEPARABLE} from unet+average",
    }


def test_probabilities_are_corrected_as_in_the_textbook() -> None:
    # the worked example of Holm's procedure: 0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02
    assert correct_by_holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert correct_by_holm([0.6, 0.7]).tolist() == [1.0, 1.0]
    assert correct_by_holm([]).tolist() == []


def test_a_difference_is_welchs_of_the_textbook() -> None:
    # Welch's t-test of scipy on (1, 2, 4, 7) and (0, 0.5, 1): t = 2.2, 3.36 degrees of freedom
    from scipy.stats import ttest_ind

    one, other = (1.0, 2.0, 4.0, 7.0), (0.0, 0.5, 1.0)
    known = ttest_ind(one, other, equal_var=False)
    first = Estimate(mean=3.5, error=(7 / 4) ** 0.5, freedom=3, seeds=4)  # a variance of 7
    second = Estimate(mean=0.5, error=(0.25 / 3) ** 0.5, freedom=2, seeds=3)
    found = subtract_estimates(first, second, (None, None))
    assert found.p == pytest.approx(known.pvalue)
    assert found.interval is not None
    ends = known.confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))


def test_the_interval_of_a_difference_says_what_the_standing_says() -> None:
    for shift in (0.02, 0.03, 0.035, 0.04, 0.05, 0.07):
        found = estimates({"best": 0.1, "near": 0.1 + shift, "far": 0.4})
        standing, difference = rank_structures(found, LOSS)["near"]
        assert difference is not None
        assert difference.interval is not None
        assert (standing == "behind") == (difference.interval.low > 0)


def test_the_probability_of_no_difference_is_never_below_zero() -> None:
    assert 0 <= find_p(Estimate(mean=1.0, error=1e-12, freedom=1e6, seeds=3)) < 1e-12
    assert find_p(Estimate(mean=0.0, error=0.0, freedom=2, seeds=3)) == 1
    assert find_p(Estimate(mean=0.1, error=0.0, freedom=2, seeds=3)) == 0


def test_one_structure_is_behind_none() -> None:
    assert find_behind([0.1], [0.01], [4]).tolist() == [False]
    assert find_behind([0.9, 0.1], [1e-6, 1e-6], [4, 4]).tolist() == [False, True]


def test_what_is_printed_keeps_the_order_asked(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = []
    for name, loss in (("unet+average", 0.12), ("unet", 0.10)):
        for folder in put(store, name, {0: loss, 1: loss, 2: loss + 0.02}):
            result = folder.read_result()
            outcomes.append(Outcome(job(KNOWN, probe="noisy", structure=name), result, folder, stored=True))
    print_outcomes(outcomes, Store(store.root), registry=KNOWN)
    printed = capsys.readouterr().out
    assert f"unet+average: {INSEPARABLE} from unet\nunet: {INSEPARABLE} from unet+average\n" in printed


def test_different_scales_stand_in_different_columns(store: Store) -> None:
    put(store, "unet", {0: 0.1})
    put(store, "unet+average", {0: 0.9}, scale="calm")
    assert {column.scale: len(column.cells) for column in card_of(store).columns} == {"smoke": 1, "calm": 1}
