"""What is guarded: item i is a function of (seed, split, i) alone, its law and its ceiling as written."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run
from small import done
from torch import Tensor
from torch.utils.data import DataLoader

from probekit.catalog.registry import registry
from probekit.evidence.certify import certify_probe
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Shape
from probekit.scores.score import mean_scores, score_items
from probekit.storage.store import Store
from probekit_probes import streams
from probekit_probes.grouping.assignments import (
    DISTANCE,
    Assignments,
    Design,
    draw_assignments,
    draw_unfiltered,
    find_similar,
    is_flawless,
)
from probekit_probes.grouping.controls import BagOfCodes, Cells, Polynomial, build_pointwise, list_exponents
from probekit_probes.grouping.dataset import ColourCodes
from probekit_probes.grouping.metrics import count_colours, count_shown_codes, is_code_correct
from probekit_probes.grouping.oracle import read_codes
from probekit_probes.grouping.pairs import FARTHEST, NEAREST, list_counts
from probekit_probes.grouping.probe import Grouping

SMALL = Design(size=32, colours=4, classes=3)
GOLDEN = {False: "8c4e3a42", True: "f41b83e3"}
CPU = torch.device("cpu")


def fresh(design: Design = SMALL, split: str = "train", seed: int = 3, length: int = 40) -> ColourCodes:
    return ColourCodes(design, split, seed, length)


def same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def block(design: Design, count: int) -> Assignments:
    return draw_assignments(design, streams.derive_keys(0, np.arange(count)))


@pytest.mark.parametrize("iid_mask", [False, True])
def test_an_item_is_the_same_alone_shuffled_materialised_and_by_workers(iid_mask: bool) -> None:
    design = Design(8, 3, 3, iid_mask)  # so small that most items are drawn again
    whole = fresh(design).batch(range(40))
    single = fresh(design)
    items = [single[i] for i in range(40)]
    assert same(tuple(torch.stack(column) for column in zip(*items, strict=True)), whole)
    order = np.random.default_rng(0).permutation(40)
    shuffled = fresh(design, length=900).batch(order.tolist())
    assert same(shuffled, (whole[0][order], whole[1][order]))
    drawn = fresh(design)
    assert list(drawn.materialise()) == [40]
    assert same(drawn.batch(range(40)), whole)
    loaded = zip(*DataLoader(fresh(design), batch_size=7, num_workers=2), strict=True)
    assert same(tuple(torch.cat(column) for column in loaded), whole)


@pytest.mark.parametrize("iid_mask", [False, True])
def test_the_data_of_a_version_do_not_change(iid_mask: bool) -> None:
    found = block(Design(32, 4, 3, iid_mask), 50)
    digest = hashlib.sha256(b"".join(column.tobytes() for column in found)).hexdigest()[:8]
    assert digest == GOLDEN[iid_mask], "the data changed: raise Grouping.version, then note the new hash here"


def test_splits_do_not_meet_and_the_seed_moves_the_training_split_alone() -> None:
    probe = Grouping(size=32, colours=4, train=200, validation=200, test=200)
    every = [probe.data(split, 0).batch(range(200))[0] for split in ("train", "validation", "test")]
    every.append(probe.data("train", 1).batch(range(200))[0])
    assert len({item.numpy().tobytes() for inputs in every for item in inputs}) == 800
    for split in ("validation", "test"):
        assert same(*(probe.data(split, seed).batch(range(200)) for seed in (0, 1)))  # type: ignore[arg-type]


def test_an_index_outside_the_split_is_refused() -> None:
    for index in (-1, 40):
        with pytest.raises(IndexError, match="items 0 to 39"):
            fresh()[index]


def test_inputs_and_targets_are_what_was_drawn() -> None:
    data = fresh()
    inputs, targets = data.batch(range(40))
    assert inputs.shape == (40, 6, 32)
    assert targets.shape == (40, 3, 32)
    assert inputs.dtype == targets.dtype == torch.float32
    for item, (given, truth) in enumerate(zip(inputs, targets, strict=True)):
        palette, codes, colour, masked = (column[item] for column in data.parts)
        assert np.array_equal((given[:3] * 255).round().numpy().T, palette[colour])
        assert np.array_equal(truth.argmax(0).numpy(), codes[colour])
        assert torch.equal(truth.sum(0), torch.ones(32))
        assert torch.equal(given[3:], truth * torch.from_numpy(~masked))


def test_what_is_drawn_is_uniform_and_independent() -> None:
    """Within four standard errors, of 2,000 items drawn as the paper does."""
    found = block(Design(64, 5, 3, iid_mask=True), 2000)

    def near(share: float, expected: float, count: int) -> bool:
        return abs(share - expected) < 4 * (expected * (1 - expected) / count) ** 0.5

    assert near(float(found.masked.mean()), 1 / 2, found.masked.size)
    for name in range(5):
        assert near(float((found.colour == name).mean()), 1 / 5, found.colour.size)
        assert near(float(found.masked[found.colour == name].mean()), 1 / 2, found.colour.size // 5)
    for code in range(3):
        assert near(float((found.codes == code).mean()), 1 / 3, found.codes.size)
    assert abs(float(found.palette.mean()) - 127.5) < 4 * 74 / found.palette.size**0.5
    assert (found.palette.min(), found.palette.max()) == (0, 255)


def test_the_law_is_that_of_what_is_drawn_once_given_that_it_has_no_flaw() -> None:
    keys = streams.derive_keys(0, np.arange(3000))
    design = Design(8, 2, 3)
    once = draw_unfiltered(design, streams.derive_keys(keys, 0))
    whole = is_flawless(once)
    assert 0.2 < whole.mean() < 0.9
    kept = draw_assignments(design, keys)
    assert is_flawless(kept).all()
    for column, first in zip(kept, once, strict=True):
        assert np.array_equal(column[whole], first[whole])
    assert abs(kept.masked[~whole].mean() - kept.masked[whole].mean()) < 0.02


def test_flaws_are_found_one_by_one() -> None:
    palette = np.array([[[0, 0, 0], [0, 0, DISTANCE]]], np.uint8)
    codes, colour = np.array([[0, 1]], np.uint8), np.array([[0, 0, 1, 1]], np.uint8)
    masked = np.array([[True, False, False, True]])
    good = Assignments(palette, codes, colour, masked)
    assert is_flawless(good).tolist() == [True]
    alike = palette.copy()
    alike[0, 1, 2] -= 1
    assert is_flawless(good._replace(palette=alike)).tolist() == [False]
    for wrong in ([1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1]):
        assert is_flawless(good._replace(masked=np.array([wrong], np.bool_))).tolist() == [False]
    assert is_flawless(good._replace(colour=np.zeros_like(colour))).tolist() == [True]


def test_the_oracle_is_exact_and_the_truth_scores_perfectly() -> None:
    probe = Grouping(train=300)
    inputs, targets = probe.data("train", 0).batch(range(300))
    assert torch.equal(probe.oracle(inputs), targets)
    assert all(bool(holds.all()) for holds in probe.certified(inputs).values())
    assert (probe.metrics[0].score(targets, targets, inputs) == 1).all()
    assert (probe.ceiling(inputs) == 1).all()
    assert torch.equal(probe.answer(targets * 9 - 5), targets)
    assert probe.loss(targets * 200, targets) < 1e-6 < probe.loss(-targets, targets)


def test_accuracy_counts_the_masked_positions_alone() -> None:
    probe = Grouping(size=32, colours=4, train=20)
    inputs, targets = probe.data("train", 0).batch(range(20))
    hidden = (inputs[:, 3:].sum(1) == 0)[:, None]
    wrong = targets.roll(1, dims=1)
    accuracy = probe.metrics[0].score
    assert (accuracy(torch.where(hidden, targets, wrong), targets, inputs) == 1).all()
    assert (accuracy(torch.where(hidden, wrong, targets), targets, inputs) == 0).all()
    bare = torch.cat([inputs[:, :3], targets], dim=1)
    assert accuracy(targets, targets, bare).isnan().all()


def test_the_ceiling_of_independent_masks_is_the_law_s_and_the_oracle_s() -> None:
    """At paper scale: 99.90 % of the masked positions; the oracle, which guesses, reaches it but for luck."""
    probe = Grouping(iid_mask=True, test=3000)
    test = probe.data("test", 0)
    inputs, targets = test.batch(range(3000))
    ceiling = torch.cat([probe.ceiling(part) for part in inputs.split(500)]).double()
    hidden = (1 - 1 / 20) ** 127
    assert 1 - hidden * 2 / 3 == pytest.approx(0.9990, abs=5e-5)
    error = float(ceiling.std()) / 3000**0.5
    assert abs(float(ceiling.mean()) - (1 - hidden * 2 / 3)) < 4 * error
    oracle = mean_scores(score_items(probe.oracle, probe, test, 3000, CPU))["accuracy"] or 0
    assert oracle < 1
    assert abs(oracle - float(ceiling.mean())) < 8 * error
    unsure = (probe.oracle(inputs[:500]) != targets[:500]).any(1).any(1)
    assert (ceiling[:500][unsure] < 1).all()


def test_an_input_is_read_as_it_is_even_where_it_contradicts_itself() -> None:
    inputs = torch.zeros(1, 5, 4)
    inputs[0, :3] = torch.tensor([[0, 0, 10, 10], [0, 0, 0, 0], [0, 0, 3, 3]]) / 255
    inputs[0, 3, 0] = inputs[0, 4, 1] = inputs[0, 4, 3] = 1
    found = read_codes(inputs)
    assert (found.is_consistent.tolist(), found.distance.tolist()) == ([False], [10.0])
    assert found.codes[0, :, 2].tolist() == [0, 1]
    assert found.masked.tolist() == [[False, False, True, False]]
    inputs[0, 4, 3] = 0
    assert read_codes(inputs).is_shown.tolist() == [[True, True, False, False]]
    assert Grouping(classes=2).ceiling(inputs).tolist() == [0.5]


def test_the_bag_of_codes_answers_what_is_shown_most() -> None:
    inputs, targets = fresh().batch(range(40))
    control = BagOfCodes()
    control.fit(fresh())
    answer = control(inputs)
    assert answer.shape == targets.shape
    shown = inputs[:, 3:].sum(2)
    for item, counts in zip(answer, shown, strict=True):
        assert (counts[item.argmax(0)] == counts.max()).all()


def test_the_pointwise_control_moves_nothing_between_positions() -> None:
    torch.manual_seed(0)
    inputs = torch.rand(1, 6, 32, requires_grad=True)
    output = build_pointwise(Shape(6, 3, (32,)), width=4)(inputs)
    assert output.shape == (1, 3, 32)
    output[0, :, 5].sum().backward()
    assert inputs.grad is not None
    assert inputs.grad[0].abs().sum(0).nonzero().flatten().tolist() == [5]


def test_similar_colours_are_those_of_all_pairs() -> None:
    palette = np.random.default_rng(0).integers(40, size=(300, 6, 3)).astype(np.uint8)
    differences = np.abs(palette[:, :, None].astype(int) - palette[:, None].astype(int)).max(3)
    similar = ((differences < DISTANCE) & ~np.eye(6, dtype=bool)).any((1, 2))
    assert 0 < similar.sum() < len(palette)
    assert find_similar(palette).tolist() == np.flatnonzero(similar).tolist()


def test_the_floors_are_those_stated_chance_and_somewhat_above(tmp_path: Path) -> None:
    probe = Grouping(test=2000)
    test = probe.data("test", 0)
    control = probe.controls()["bag of codes"]
    assert mean_scores(score_items(control, probe, test, 2000, CPU))["accuracy"] == pytest.approx(
        0.4826, abs=0.006
    )
    found = certify_probe("grouping", "smoke", registry(), Store(tmp_path), items=256)
    assert found.passed, found.checks
    checks = {check.name: check for check in found.checks}
    assert [check.holds for check in found.checks] == [True, True, None, True, True, True]
    assert "20 moments 34%" in checks["focused"].evidence  # of the way from chance, 1/3
    assert "64 cells 42%" in checks["focused"].evidence
    assert "expects 100.00% in accuracy" in checks["well-posed"].evidence


def test_independent_masks_are_not_well_posed_and_the_ceiling_is_printed(tmp_path: Path) -> None:
    found = certify_probe(
        "grouping(iid_mask=true,paired=false,colours=3,size=32)",
        "smoke",
        registry(),
        Store(tmp_path),
        items=256,
        focus=False,
    )
    assert not found.passed
    assert [check.holds for check in found.checks[:2]] == [False, False]
    share = float(found.checks[1].evidence.split("expects ")[1].split("%")[0])
    assert 97 < share < 100
    assert Path(found.counterexample).exists()


def test_a_run_is_scored_on_train_and_test(tmp_path: Path) -> None:
    result = done(tmp_path, probe="grouping(test=16,train=64,validation=8)", structure="lambda").result
    assert result.status == "done", result.error
    assert set(result.metrics) >= {"accuracy", "gap"}
    assert "depth=3" in result.plan.structure


@pytest.mark.slow
def test_a_score_stands_beside_every_control_and_the_ceiling_where_something_is_guessed(
    probekit: Run, tmp_path: Path
) -> None:
    asked = "grouping(iid_mask=true,paired=false,colours=3,size=32,test=512,train=32,validation=8)"
    words = ("-s", "lambda", "--scale", "smoke", "--width", "4", "--store", str(tmp_path))
    report = probekit("run", asked, *words, "--all")
    assert report.returncode == 0, report.stderr
    assert "Baselines, accuracy: bag of codes 0." in report.stdout
    assert "Measured: receptive_radius" in report.stdout
    (ceiling,) = re.findall(r"Ceiling of the accuracy: (0\.\d+)", report.stdout)
    assert float(ceiling) == pytest.approx(1 - 2 / 3 * (5 / 6) ** 31, abs=2e-3)
    card = probekit("card", "lambda", "--probe", asked, "--scale", "smoke", "--store", str(tmp_path))
    assert f"Ceiling of the accuracy: {ceiling}" in card.stdout
    assert "Baselines, accuracy: bag of codes 0." in card.stdout


def test_the_most_colours_that_are_not_refused_can_be_drawn() -> None:
    with pytest.raises(UsageError, match="or fewer") as refused:
        Grouping(colours=100)
    most = int(str(refused.value).split("colours=")[-1].split(" ")[0])
    inputs, targets = Grouping(colours=most, train=4).data("train", 0).batch(range(4))
    assert torch.equal(Grouping(colours=most).oracle(inputs), targets)


def test_the_axis_counts_the_positions_that_show_a_colour_s_code() -> None:
    inputs, targets = fresh().batch(range(10))
    found, known = count_shown_codes(inputs, targets), is_code_correct(targets, targets, inputs)
    for item in range(10):
        for place in range(SMALL.size):
            same_colour = (inputs[item, :3] == inputs[item, :3, place : place + 1]).all(0)
            assert found[item, place] == int((same_colour & (inputs[item, 3:].sum(0) > 0)).sum())
            assert bool(known[item, place].isnan()) == bool(inputs[item, 3:, place].any())
    assert known.nan_to_num(1).eq(1).all()


def test_paired_items_have_few_to_many_colours_each_shown_and_masked() -> None:
    probe = Grouping(size=64, colours=32, paired=True, train=600, test=300)
    assert list_counts(32) == [32, 16, 8, 4]
    assert list_counts(6) == [6]
    for split in ("train", "test"):
        data = probe.data(split, 0)  # type: ignore[arg-type]
        inputs, targets = data.batch(range(300))
        assert torch.equal(probe.oracle(inputs), targets)
        assert all(bool(rule.all()) for rule in probe.certified(inputs).values())
        counts = count_colours(inputs)
        assert set(counts.tolist()) == {4.0, 8.0, 16.0, 32.0}
        assert all(abs(int((counts == count).sum()) - 50) < 4 * 6.5 for count in (4, 8, 16))
        assert abs(int((counts == 32).sum()) - 150) < 4 * 8.7
        for item in range(300):
            colour, masked = data.parts.colour[item], data.parts.masked[item]
            assert set(colour[masked]) == set(colour[~masked]) == set(range(int(counts[item])))


def test_the_colours_of_a_pair_are_near_and_have_unlike_codes() -> None:
    items = block(Design(64, 16, 3, paired=True), 500)
    near = items.palette[:, 1::2].astype(int) - items.palette[:, ::2].astype(int)
    farthest = np.abs(near).max(2)
    assert (farthest.min(), farthest.max()) == (NEAREST, FARTHEST)
    assert (items.codes[:, ::2] != items.codes[:, 1::2]).all()
    for code in range(3):
        assert abs(float((items.codes == code).mean()) - 1 / 3) < 0.03


def test_the_accuracy_of_paired_items_counts_those_with_most_colours() -> None:
    probe = Grouping(size=32, colours=16, paired=True, test=200)
    inputs, targets = probe.data("test", 0).batch(range(200))
    scores = probe.metrics[0].score(targets, targets, inputs)
    assert torch.equal(scores.isnan(), count_colours(inputs) != 16)
    assert (scores.nan_to_num(1) == 1).all()


@pytest.mark.parametrize(
    "parameters",
    [{"colours": 7}, {"colours": 2}, {"size": 16, "colours": 16}, {"colours": 8, "iid_mask": True}],
)
def test_pairs_that_cannot_be_are_refused(parameters: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="Type paired=false, or colours="):
        Grouping(paired=True, **parameters)  # type: ignore[arg-type]


def test_summaries_keep_few_numbers_and_solve_few_colours_alone() -> None:
    assert [len(list_exponents(degree)) for degree in (1, 2, 3)] == [4, 10, 20]
    few, many = Grouping(size=64, colours=4, test=200), Grouping(size=128, colours=64, paired=True, test=400)
    scores = {}
    for name, probe in (("few", few), ("many", many)):
        inputs, targets = probe.data("test", 0).batch(range(len(probe.data("test", 0))))
        for control in (Polynomial(2), Polynomial(3), Cells(4), Cells(64)):
            answers = control(inputs)
            score = probe.metrics[0].score(answers, targets, inputs).nanmean()
            scores[name, type(control).__name__, *vars(control).values()] = float(score)
    assert scores["few", "Polynomial", 2, 1e-3] > 0.95
    assert scores["few", "Cells", 4] > 0.95
    assert scores["many", "Cells", 64] > 0.95  # a memory of 262,144 cells
    assert max(scores["many", "Polynomial", 3, 1e-3], scores["many", "Cells", 4]) < 2 / 3
