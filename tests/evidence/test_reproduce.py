"""What is guarded: tables are set beside ours row by row; tau and conclusions say no more than the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
from small import planned

from probekit.catalog.registry import registry
from probekit.evidence.conclusions import share_alpha
from probekit.evidence.reproduce import (
    PublishedTable,
    compare_with_published,
    find_published_tables,
    make_row_specs,
)
from probekit.plans.finite import to_json
from probekit.plans.job import make_job
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Claim, Metric, Published
from probekit.scores.interval import t_quantile
from probekit.storage.behaviour import Behaviour
from probekit.storage.result import Environment, Result

HERE = Environment(probekit="1", torch="2", python="3.11", device="cpu", threads=1)
ROWS = tuple(
    Published("table9", name, structure, 100, {"loss": loss}, width=4)
    for name, structure, loss in (
        ("Best", "unet+lambda", 0.10),
        ("Near", "unet+average", 0.105),
        ("Worst", "unet", 0.30),
    )
)
BETTER = Claim(
    "table9", "Best is better than Worst.", lambda rows: rows["Worst"]["loss"] - rows["Best"]["loss"]
)
METRIC = Metric("loss", "lower", 0.0, lambda output, target, inputs: output, "an error")
SOURCE = PublishedTable("table9", "nonlocality", ROWS, (BETTER,), (METRIC,))


def results(**scores: tuple[float, ...]) -> dict[tuple[str, int], Result]:
    """Return results by row and seed, of real plans."""
    structures = {row.name: row.structure for row in ROWS}
    return {
        (name, seed): Result(
            plan=planned(structure=structures[name], seed=seed),
            status="done",
            metrics={"loss": score},
            train={"loss": score / 2},
            seconds=10.0,
            environment=HERE,
        )
        for name, seeds in scores.items()
        for seed, score in enumerate(seeds)
    }


def table(  # type: ignore[no-untyped-def]
    found: Mapping[tuple[str, int], Result], claim=BETTER.margin, **noise: float
):
    jobs = {
        row: make_job(spec, registry()) for row, spec in make_row_specs(SOURCE, "smoke", "supervised").items()
    }
    plans = {
        (row, seed): job.with_seed(seed).plan.model_copy(update={"noise": noise})
        for row, job in jobs.items()
        for seed in range(3)
    }
    return compare_with_published(
        replace(SOURCE, claims=(replace(BETTER, margin=claim),)), "smoke", plans, found
    )


def test_pairs_closer_than_a_tenth_as_published_are_not_compared() -> None:
    found = table(results(Best=(0.2,), Near=(0.1,), Worst=(0.4,)))
    assert set(found.order.pairs) == {("Best", "Worst"), ("Near", "Worst")}
    assert found.order.tau == 1
    assert found.order.turned == ()


def test_a_turned_pair_lowers_tau_and_is_named() -> None:
    found = table(results(Best=(0.5,), Near=(0.1,), Worst=(0.4,)))
    assert found.order.tau == 0
    assert found.order.turned == (("Best", "Worst"),)
    assert found.order.interval is None


def test_tau_is_of_the_means_and_its_interval_over_seeds() -> None:
    found = table(results(Best=(0.1, 0.1, 0.5), Near=(0.1, 0.1, 0.1), Worst=(0.4, 0.4, 0.4)))
    assert found.order.tau == 1
    assert found.order.interval is not None
    assert found.order.interval.count == 3
    assert -1 <= found.order.interval.low < 2 / 3 < found.order.interval.high == 1


def test_a_row_that_was_not_run_is_left_open_and_so_is_what_needs_it() -> None:
    found = table(results(Best=(0.1,), Near=(0.1,)))
    assert [line.mean_score("loss") for line in found.lines] == [0.1, 0.1, None]
    assert found.conclusions[0].verdict == "not run"
    assert found.order.tau is None


def test_a_turned_pair_that_the_noise_explains_is_not_beyond_it() -> None:
    turned = results(Best=(0.5,), Near=(0.1,), Worst=(0.4,))
    assert table(turned).order.beyond is None
    assert table(turned, loss=0.01).order.beyond == (("Best", "Worst"),)
    assert table(turned, loss=0.05).order.beyond == ()


@pytest.mark.parametrize(
    ("best", "noise", "verdict"),
    [
        (0.1, 0.06, "holds"),
        (0.1, 0.07, "within the noise"),
        (0.7, 0.07, "within the noise"),
        (0.7, 0.06, "does not hold"),
    ],
)
def test_a_conclusion_of_one_seed_must_exceed_the_noise_of_both_its_scores(
    best: float, noise: float, verdict: str
) -> None:
    (one,) = table(results(Best=(best,), Near=(0.1,), Worst=(0.4,)), loss=noise, other=1.0).conclusions
    assert one.verdict == verdict
    assert one.interval is not None
    half = t_quantile(8) * 2 * noise  # twice the variance of two scores, four degrees of freedom each
    assert one.interval.high - one.interval.low == pytest.approx(2 * half)


def test_two_seeds_are_judged_by_the_noise_not_by_their_own_spread() -> None:
    found = results(Best=(0.1, 0.11), Near=(0.1, 0.1), Worst=(0.4, 0.4))
    assert table(found, loss=9.0).conclusions[0].verdict == "within the noise"
    assert table(found, loss=0.01).conclusions[0].verdict == "holds"
    assert table(found).conclusions[0].verdict == "too few seeds"


def test_a_conclusion_of_one_seed_without_noise_never_holds() -> None:
    for best in (0.1, 0.5):
        (one,) = table(results(Best=(best,), Near=(0.1,), Worst=(0.4,))).conclusions
        assert (one.verdict, one.seeds, one.interval) == ("too few seeds", 1, None)
        assert one.margin == pytest.approx(0.4 - best)


def test_seeds_that_agree_in_everything_prove_nothing_without_noise() -> None:
    (one,) = table(results(Best=(0.1,) * 3, Near=(0.1,) * 3, Worst=(0.4,) * 3)).conclusions
    assert one.verdict == "too few seeds"


def test_many_claims_of_one_table_are_corrected() -> None:
    assert share_alpha([0.04]) == [0.05]
    assert share_alpha([0.04, None, 0.001, 0.03]) == pytest.approx([0.025, 0.05, 0.05 / 3, 0.025])
    # Holm: 0.03 fails at 0.05 / 2, so 0.04 fails too, and its interval is no narrower
    assert share_alpha([]) == []


@pytest.mark.parametrize(
    ("best", "verdict"),
    [
        ((0.10, 0.11, 0.12), "holds"),
        ((0.10, 0.45, 0.90), "within the noise"),
        ((0.80, 0.81, 0.82), "does not hold"),
    ],
)
def test_a_conclusion_of_several_seeds_holds_only_beyond_their_interval(
    best: tuple[float, ...], verdict: str
) -> None:
    (one,) = table(results(Best=best, Near=(0.1,) * 3, Worst=(0.4,) * 3)).conclusions
    assert one.verdict == verdict
    assert one.seeds == 3


@pytest.mark.parametrize("wild", [math.inf, -math.inf, math.nan, 1e308, None])
def test_a_margin_that_is_no_number_is_judged_to_be_none(wild: float | None) -> None:
    def margin(rows: Mapping[str, Mapping[str, float]]) -> float:
        gap = rows["Worst"]["loss"] - rows["Best"]["loss"]
        return gap if gap > 0 else 1 / 0 if wild is None else wild

    found = table(results(Best=(0.4,), Near=(0.1,), Worst=(0.4,)), claim=margin)
    (one,) = found.conclusions
    assert (one.verdict, one.margin, one.interval, one.seeds) == ("no number", None, None, 0)
    (one,) = table(results(Best=(0.4, 0.1, 0.1), Near=(0.1,), Worst=(0.4,) * 3), claim=margin).conclusions
    assert (one.verdict, one.seeds) == ("too few seeds", 2)
    (one,) = table(results(Best=(0.3,), Near=(0.1,), Worst=(0.4,)), claim=margin, loss=0.2).conclusions
    assert (one.verdict, one.interval) == ("too few seeds", None)
    to_json(one.model_dump(mode="json"))


def test_results_of_other_code_of_the_probe_stand_in_no_table() -> None:
    found = results(Best=(0.1, 0.1), Near=(0.1,), Worst=(0.4,))
    other = Behaviour(probe={"data of test": "f" * 16})
    found["Best", 0] = found["Best", 0].model_copy(update={"behaviour": other})
    with pytest.raises(ValueError, match="different code of the probe"):
        table(found)


def test_train_scores_and_failed_seeds_are_kept_apart() -> None:
    found = results(Best=(0.1, 0.2), Near=(0.1,), Worst=(0.4,))
    broken = found["Best", 1]
    found["Best", 1] = Result(plan=broken.plan, status="failed", environment=HERE, error="it broke")
    first = table(found).lines[0]
    assert first.failed == (1,)
    assert first.found["train/loss"] == {0: 0.05}
    assert first.found["loss"] == {0: 0.1}


def test_rows_have_their_published_width_at_the_published_scale_alone() -> None:
    assert {spec.width for spec in make_row_specs(SOURCE, "paper", "supervised").values()} == {4}
    assert {spec.width for spec in make_row_specs(SOURCE, "quick", "supervised").values()} == {None}
    assert len(make_row_specs(SOURCE, "quick", "supervised")) == 3


def test_the_papers_tables_have_their_22_rows() -> None:
    found = {source.name: len(source.rows) for source in find_published_tables(registry(), [])}
    assert found == {"table1": 8, "table2": 7, "table3": 7}


def test_an_unknown_table_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="table2"):
        find_published_tables(registry(), ["tabel2"])


def test_the_best_rows_of_the_paper_come_first() -> None:
    (table1, table2) = find_published_tables(registry(), ["table1", "table2"])
    assert min((row.name for row in table1.rows), key=table1.rank_key) == "Lambda + PE"
    assert min((row.name for row in table2.rows), key=table2.rank_key) == "Fourier + Decor."
