"""What is guarded: each wrong variant of a part is caught by the right check, and each right one passes."""

from __future__ import annotations

from typing import Any

import pytest
from broken_parts import batch_trainers, metrics, mixing, optimisers, padded, pooled, trainers
from broken_parts.evaluate import evaluate_checks

from probekit.authors.check import Finding
from probekit.plugin.components import Component, Kind
from probekit_plugins.optimisers import sgd

AHEAD = "causal-layer-sees-no-later-position"
APART = "tells-positions-apart-along-each-axis"
BATCH = "batch-items-are-independent"
DESCENT = "descending-the-loss-improves-the-headline"
INPUT = "leaves-its-input-alone"
PADDED = "padding-is-marked"
POOLED = "pooled-answers-have-no-positions"
OTHER = "same-data-in-another-process"
STRUCTURE_AHEAD = "causal-structure-sees-no-later-position"
SPLITS = "splits-are-disjoint"
CONTROLS = "controls-learn-from-training-items-only"
RATE = "obeys-the-learning-rate"
DECAY = "obeys-the-weight-decay"
BUILDS = "builds-an-optimiser-of-torch"
GLOBAL = "leaves-global-state-alone"
RESUME = "resume-equals-no-interruption"
WORSE = "wrong-answers-score-worse"
WRONG: tuple[tuple[Kind, Any, str, str], ...] = (
    ("probe", metrics.Upside, WORSE, "but lower is better"),
    ("probe", metrics.Blind, WORSE, "the targets of other items score 1"),
    ("probe", metrics.Selfish, WORSE, "the targets of other items score 1"),
    ("probe", metrics.Neighbouring, "targets-score-perfect", "but its `perfect` is 1"),
    ("probe", metrics.Averaged, "scores-items-one-by-one", "depends on the other items"),
    ("probe", metrics.Ranking, "scores-items-one-by-one", "depends on the other items"),
    ("probe", metrics.Relative, "scores-items-one-by-one", "depends on the other items"),
    ("probe", metrics.Negated, DESCENT, "outputs that descend the loss"),
    ("probe", metrics.Flipped, DESCENT, "outputs that descend the loss"),
    ("probe", metrics.BlindLoss, DESCENT, "outputs that descend the loss"),
    ("probe", metrics.MovedLoss, DESCENT, "outputs that descend the loss"),
    ("probe", metrics.MixedLoss, DESCENT, "outputs that descend the loss"),
    ("probe", metrics.Detached, DESCENT, "outputs that descend the loss"),
    ("probe", metrics.LateHash, OTHER, "at scale quick different values"),
    ("probe", metrics.SeedHash, OTHER, "with seed 1 different values"),
    ("probe", metrics.TestsTraining, SPLITS, "train with seed 3 and test share 64 inputs"),
    ("probe", metrics.ValidatesTraining, SPLITS, "train with seed 2 and validation share 64 inputs"),
    ("probe", metrics.Near, SPLITS, "64 inputs of train and test differ by less than 1e-05"),
    ("probe", metrics.Peeking, CONTROLS, "control constant draws items of test"),
    ("probe", metrics.PeekingSooner, CONTROLS, "the method `controls` draws items of test"),
    ("probe", pooled.NotSaid, POOLED, "and a network answers at (32,) positions"),
    ("probe", pooled.Spread, POOLED, "but a target has shape (2, 32)"),
    ("probe", pooled.Symmetric, POOLED, "it declares symmetry, and a pooled answer has no positions"),
    ("probe", padded.Unmarked, PADDED, "does not begin at the first position, or has gaps"),
    ("probe", padded.Inverse, PADDED, "an item of train has no position"),
    ("probe", padded.LeftPadded, PADDED, "does not begin at the first position, or has gaps"),
    ("probe", padded.Countdown, PADDED, "the last channel has values other than 0 and 1"),
    ("probe", padded.Full, PADDED, "no item has padding"),
    ("probe", padded.Moved, PADDED, "it declares symmetry"),
    ("probe", padded.Unclean, "padding-is-zero", "inputs of train are not zero in the padding"),
    ("probe", padded.Answering, "padding-is-zero", "targets of train are not zero in the padding"),
    ("probe", padded.CountingLoss, "padding-does-not-count", "if outputs in the padding change"),
    ("probe", padded.CountingMetric, "padding-does-not-count", "share depends on outputs in the padding"),
    ("layer", mixing.ChangesInput, INPUT, "it changes its input in place"),
    ("layer", mixing.ActivatesInput, INPUT, "it changes its input in place"),
    ("layer", mixing.InPlace, "gradient-reaches-every-parameter", "an in-place operation in forward"),
    ("layer", mixing.InPlace, "trains-in-a-network", "an in-place operation in forward"),
    ("layer", mixing.MixesInTraining, BATCH, "in training mode, the output for an item depends on"),
    ("layer", mixing.MixesLargeBatches, BATCH, "in eval mode, the output for an item depends on"),
    ("layer", mixing.CountsItems, BATCH, "depends on its place in the batch"),
    ("layer", mixing.Sized, "keeps-shape-and-dtype-in-2d", "on inputs of size (8, 8), it raised"),
    ("layer", mixing.Late, "survives-safetensors", "scale"),
    ("layer", mixing.Growing, "survives-safetensors", "seen"),
    ("layer", mixing.Heedless, AHEAD, "the output at 0 depends on inputs after 0"),
    ("layer", mixing.Ahead, AHEAD, "depends on inputs after"),
    ("layer", mixing.Chunked, AHEAD, "on 96 positions, the output at 6"),
    ("layer", mixing.Padded, AHEAD, "depends on inputs after"),
    ("layer", mixing.Normalized, AHEAD, "depends on inputs after"),
    ("layer", mixing.Swallowing, AHEAD, "depends on inputs after"),
    ("encoding", mixing.OneAxis, APART, "along axis 1 of 2"),
    ("encoding", mixing.RowsOnly, APART, "along axis 1 of 1"),
    ("encoding", mixing.NoAxis, APART, "along axis 1 of 1"),
    ("encoding", mixing.BatchEncoding, BATCH, "depends on the other items of its batch"),
    ("encoding", mixing.AheadEncoding, "encoding-keeps-a-layer-causal", "depends on inputs after"),
    (
        "structure",
        mixing.CausalStructure,
        STRUCTURE_AHEAD,
        "depends on inputs after",
    ),
    ("structure", mixing.StructureInPlace, INPUT, "it changes its input in place"),
    ("structure", mixing.StructureOfBatches, BATCH, "depends on the other items of its batch"),
    ("trainer", batch_trainers.SeesTest, "reads-no-test-items", "the trainer asked for the split 'test'"),
    ("trainer", batch_trainers.SeesHarder, "reads-no-test-items", "the trainer asked for the split 'harder'"),
    ("trainer", batch_trainers.InEvalMode, "trains-in-training-mode", "in eval mode"),
    ("trainer", batch_trainers.StaysInEvalMode, "trains-in-training-mode", "in eval mode"),
    ("trainer", batch_trainers.LeavesHook, "leaves-no-hooks", "forward hooks of the network"),
    ("trainer", batch_trainers.LeavesBackwardHook, "leaves-no-hooks", "backward hooks of 2"),
    ("trainer", batch_trainers.IgnoresSeed, "uses-its-seed", "another seed gives the same"),
    ("trainer", batch_trainers.FixedSeed, "uses-its-seed", "another seed gives the same"),
    ("trainer", batch_trainers.GlobalDraw, "same-seed-gives-same-rows", "the same seed gives different"),
    ("optimiser", optimisers.IgnoresRate, RATE, "with a learning rate of zero a step changes"),
    ("optimiser", optimisers.RemembersRate, RATE, "with a learning rate of zero a step changes"),
    ("optimiser", optimisers.RateBySign, RATE, "with twice the learning rate a step is the same"),
    ("optimiser", optimisers.MatricesOnly, "steps-every-weight", "weights that are 1-D, 3-D, 4-D"),
    ("optimiser", optimisers.FirstGroup, "steps-every-weight", "weights that are 1-D"),
    ("optimiser", optimisers.NoDecay, DECAY, "the weights get no smaller than without"),
    ("optimiser", optimisers.Growing, DECAY, "the weights get no smaller than without"),
    ("optimiser", optimisers.DecaysAll, DECAY, "a group whose weight_decay is 0"),
    ("optimiser", optimisers.DropsDecay, BUILDS, "its groups have the rates and decays [(0.01, 0.1)]"),
    ("optimiser", optimisers.StepsWhenBuilt, BUILDS, "building it changes the weights"),
    ("optimiser", optimisers.PositionalRate, BUILDS, "unexpected keyword argument 'lr'"),
    ("optimiser", optimisers.Stepper, BUILDS, "it is a Stepper"),
    ("optimiser", optimisers.build_nothing, BUILDS, "it built a NoneType"),
    ("optimiser", optimisers.Threads, GLOBAL, "it changes the number of threads"),
    ("optimiser", optimisers.NoGradients, GLOBAL, "it changes the gradient mode"),
    ("optimiser", optimisers.Noisy, GLOBAL, "it draws from a global random generator"),
    ("optimiser", optimisers.Rolling, GLOBAL, "it draws from a global random generator"),
    ("optimiser", optimisers.Noisy, "same-seed-gives-same-rows", "the same seed gives different"),
    ("optimiser", optimisers.Forgets, RESUME, "resumed, it gives different rows or weights"),
    ("optimiser", optimisers.CountsInGroup, RESUME, "resumed, it gives different rows or weights"),
    ("optimiser", optimisers.Unstorable, RESUME, "its state_dict cannot be stored"),
    ("optimiser", optimisers.MovesUnused, "skips-weights-without-a-gradient", "that has no gradient"),
    ("optimiser", optimisers.Ascends, "weights-change-and-the-loss-falls", "the loss went from"),
    ("optimiser", optimisers.FinishesTwice, "finishes-only-once", "a second finish() changes the weights"),
)
RIGHT: tuple[tuple[Kind, Any], ...] = (
    ("probe", pooled.Pooled),
    ("probe", padded.Each),
    ("probe", padded.Ends),
    ("layer", mixing.Causal),
    ("layer", mixing.Normal),
    ("layer", mixing.Dropping),
    ("trainer", batch_trainers.Batched),
    ("trainer", batch_trainers.Stopping),
    ("trainer", trainers.Trainer),
    ("optimiser", optimisers.Descent),
    ("optimiser", optimisers.Averaging),
    ("optimiser", sgd.build_sgd),
)
SLOW = {"compiles", "same-data-in-another-process", "same-weights-in-another-process"}


def find(kind: Kind, target: Any, chosen: str | None = None) -> list[Finding]:
    """Return what one check, or all but the slow ones, find of a part."""
    return evaluate_checks(Component(kind, "mine", target, ""), chosen, SLOW)


@pytest.mark.parametrize(
    ("kind", "target", "check", "said"),
    [
        pytest.param(*case, id=f"{case[1].__name__}-{case[2]}", marks=[pytest.mark.slow] * (case[2] in SLOW))
        for case in WRONG
    ],
)
def test_wrong_variant_is_caught(kind: Kind, target: Any, check: str, said: str) -> None:
    (finding,) = find(kind, target, check)
    assert finding.state == "fails"
    assert said in finding.reason
    assert finding.hint


@pytest.mark.parametrize(("kind", "target"), RIGHT)
def test_right_variant_passes(kind: Kind, target: Any) -> None:
    assert [finding for finding in find(kind, target) if finding.state == "fails"] == []


def test_a_size_that_a_layer_refuses_names_the_attribute() -> None:
    (finding,) = find("layer", mixing.Sized, "keeps-shape-and-dtype-in-2d")
    assert "set sizes = (4, 16)" in finding.hint


def test_one_cause_has_one_reason() -> None:
    found = [finding for finding in find("layer", mixing.InPlace) if finding.state == "fails"]
    assert len(found) > 1
    assert {finding.reason for finding in found} == {found[0].reason}
