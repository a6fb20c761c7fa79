"""What a probe promises: data that stay what they are, one answer an input, controls that fail."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from probekit.certify import LOWEST, place
from probekit.check.kit import DoesNotApply, fail
from probekit.check.parts import imports_nothing_heavy
from probekit.expression import resolve
from probekit.front import make_probe
from probekit.grammar import parse_term
from probekit.interfaces import Control, Metric, Probe, Split
from probekit.items import batch
from probekit.registry import Registry
from probekit.score import means, score

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.expression import Part

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
MOST, PINNED = 256, 8
NEAR = 0.1
"""How far from chance a constant may score, as a share of the way to perfect."""


@dataclass(frozen=True, slots=True)
class ProbeBench:
    """A probe at its smallest scale: the one called smoke, else its first."""

    part: Part
    registry: Registry
    asked: str

    @property
    def scale(self) -> str:
        """Return the scale's name."""
        scales = getattr(self.part.target, "scales", {})
        if not scales:
            fail("it has no scales", "Give its class `scales`, a dict of probekit.Scale by name.")
        return "smoke" if "smoke" in scales else next(iter(scales))

    @property
    def probe(self) -> Probe:
        """Make the probe, with what was typed on top of the scale."""
        return make_probe(self.asked, self.scale, self.registry)

    def items(self, split: Split, seed: int = 0, most: int = MOST) -> tuple[Tensor, Tensor]:
        """Return the first items of a split."""
        data = self.probe.data(split, seed)
        return batch(data, range(min(most, len(data))))


def says_what_cards_need(bench: ProbeBench) -> None:
    """It has a property, a whole version, a headline, scales that can be made and a structure that hosts."""
    probe = bench.probe
    if not probe.property or not isinstance(probe.version, int) or not probe.metrics:
        fail(
            f"property {probe.property!r}, version {probe.version!r} and {len(probe.metrics)} metrics",
            "A property is a few words, a version a whole number, and the first metric is the headline.",
        )
    names = [metric.name for metric in probe.metrics]
    if len(set(names)) < len(names):
        fail(f"two metrics share a name: {', '.join(names)}", "Give each a name of its own.")
    for name, scale in bench.part.target.scales.items():  # type: ignore[attr-defined]
        if (scale.width is None) == (scale.budget is None):
            fail(f"scale {name} has not one of width and budget", "Give it exactly one.")
        make_probe(bench.part.name, name, bench.registry)
    resolve(probe.structure, probe.structure, bench.registry)


def same_seed_gives_same_data_whatever_the_workers(bench: ProbeBench) -> None:
    """An item is the same drawn alone, backwards, in one call, and by a loader with two workers."""
    import torch
    from torch.utils.data import DataLoader

    for split in SPLITS:
        inputs, targets = bench.items(split, most=32)
        count = len(inputs)
        alone = bench.probe.data(split, 0)
        pairs = [alone[index] for index in reversed(range(count))][::-1]
        drawn = [("one by one and backwards", pairs)]
        if (several := getattr(bench.probe.data(split, 0), "__getitems__", None)) is not None:
            drawn.append(("in one call of __getitems__", several(range(count))))
        if split == "train":
            some = torch.utils.data.Subset(cast("Any", bench.probe.data(split, 0)), range(count))
            fork = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
            loader = DataLoader(some, batch_size=4, num_workers=2, multiprocessing_context=fork)
            loaded = [(one, two) for ins, outs in loader for one, two in zip(ins, outs, strict=True)]
            drawn.append(("by two workers", loaded))
        for how, found in drawn:
            same = all(
                torch.equal(one, inputs[i]) and torch.equal(two, targets[i])
                for i, (one, two) in enumerate(found)
            )
            if not same or len(found) != count:
                fail(
                    f"items of {split} are others drawn {how}",
                    "Draw each item from a generator of its own, seeded by (seed, split, index).",
                )


def seed_moves_training_alone(bench: ProbeBench) -> None:
    """Another seed gives another training split, and the same validation and test."""
    import torch

    changed = {split: not torch.equal(bench.items(split, 0)[0], bench.items(split, 1)[0]) for split in SPLITS}
    if not changed["train"]:
        fail(
            "another seed gives the same training split", "Put the seed into each training item's generator."
        )
    if changed["validation"] or changed["test"]:
        fail("a seed moves validation or test", "Fix both by version alone, so that scores can be compared.")


def splits_never_meet(bench: ProbeBench) -> None:
    """No input of one split is in another."""
    seen = {split: set(digests(bench.items(split)[0])) for split in SPLITS}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        if shared := len(seen[cast("Split", one)] & seen[cast("Split", other)]):
            fail(
                f"{one} and {other} share {shared} inputs",
                "Put the split into each item's generator; a small space of inputs is shared out by a rule.",
            )


def oracle_is_exact(bench: ProbeBench) -> None:
    """From the inputs alone, one or many, the oracle gives the targets exactly."""
    import torch

    probe = bench.probe
    for split in SPLITS:
        inputs, targets = bench.items(split)
        answers = probe.oracle(inputs)
        if answers.shape != targets.shape:
            fail(
                f"the oracle gives {tuple(answers.shape)}, targets are {tuple(targets.shape)}", "Match them."
            )
        wrong = int((answers != targets).flatten(1).any(1).sum())
        if wrong:
            fail(
                f"the oracle is wrong on {wrong} of {len(inputs)} items of {split}",
                "Mend the oracle, or leave out what the input does not decide; `probekit certify` draws one.",
            )
        if not torch.equal(probe.oracle(inputs[:1]), answers[:1]):
            fail("the oracle answers one input otherwise than many", "Let it look at each item alone.")


def truth_scores_perfect(bench: ProbeBench) -> None:
    """Each metric, given the target itself as output, scores what it calls perfect."""
    probe = bench.probe
    inputs, targets = bench.items("test")
    for metric in probe.metrics:
        scores = metric.score(targets, targets, inputs)
        if tuple(scores.shape) != (len(inputs),):
            fail(f"{metric.name} gives {tuple(scores.shape)}", f"One number an item: ({len(inputs)},).")
        found = means({metric.name: scores})[metric.name]
        if found is not None and abs(found - metric.perfect) > 1e-6:
            fail(
                f"the truth scores {found:.6g} in {metric.name}, which calls {metric.perfect:g} perfect",
                "Score the target's own form too, as one-hot channels in place of logits.",
            )


def a_constant_stays_near_chance(bench: ProbeBench) -> None:
    """The mean target, the same everywhere, scores near chance, for each metric that states it."""
    probe = bench.probe
    stated = [metric for metric in probe.metrics if metric.chance is not None]
    if not stated:
        raise DoesNotApply("no metric states its chance")
    _, known = bench.items("train")
    inputs, targets = bench.items("test")
    mean = known.float().mean((0, *range(2, known.ndim)), keepdim=True).expand_as(targets)
    for metric in stated:
        assert metric.chance is not None
        scores = metric.score(mean, targets, inputs).double()
        scores = scores[~scores.isnan()]
        if len(scores) < 2:
            continue
        found = float(scores.mean())
        slack = NEAR * abs(metric.perfect - metric.chance) + 3 * float(scores.std()) / len(scores) ** 0.5
        if abs(found - metric.chance) > slack:
            fail(
                f"a constant scores {found:.4g} in {metric.name}, whose chance is {metric.chance:.4g}",
                "Balance the labels, or state what a constant reaches.",
            )


def inputs_alone_decide_labels(bench: ProbeBench) -> None:
    """Equal inputs have equal targets, in all splits and for several seeds."""
    labels: dict[bytes, bytes] = {}
    for split in SPLITS:
        for seed in (0, 1) if split == "train" else (0,):
            inputs, targets = bench.items(split, seed)
            for key, label in zip(digests(inputs), digests(targets), strict=True):
                if labels.setdefault(key, label) != label:
                    fail(
                        "one input has two labels", "Leave such inputs out; `probekit certify` looks at more."
                    )


def controls_fail(bench: ProbeBench) -> None:
    """A closed-form control gives the floor, no control comes near perfect, and networks can be built."""
    import torch

    probe = bench.probe
    train, test = probe.data("train", 0), probe.data("test", 0)
    focus = getattr(probe, "focus", probe.metrics[0].name)
    metric: Metric = next(metric for metric in probe.metrics if metric.name == focus)
    scores: dict[str, float | None] = {}
    for name, control in probe.controls().items():
        if hasattr(control, "fit"):
            closed = cast("Control", control)
            closed.fit(train)
            found = score(closed, probe, test, min(MOST, len(test)), torch.device("cpu"))
            scores[name] = means(found)[focus]
        else:
            network = cast("Any", control)(probe.shape, width=4)
            network(torch.zeros(1, probe.shape.inputs, *probe.shape.size))
    if not scores:
        fail("no control has `fit`", "Give one in closed form, such as a constant: its score is the floor.")
    floor = next(iter(scores.values()))
    for name, value in scores.items():
        at = place(value, floor, metric.perfect)
        if at is None or at > LOWEST:
            fail(
                f"control {name} reaches {'no score' if at is None else f'{at:.0%} of the way'} in {focus}",
                f"At most {LOWEST:.0%}, from the first to perfect: else the probe asks something else.",
            )


def data_are_those_of_this_version(bench: ProbeBench) -> None:
    """The data hash to what `golden` says of this version: changed data demand a new version."""
    if parse_term(bench.asked).params:
        raise DoesNotApply("golden is of the scale's own parameters")
    golden = getattr(bench.part.target, "golden", None)
    version = bench.probe.version
    digest = hashlib.sha256(b"".join(pinned(bench))).hexdigest()[:16]
    if golden is None:
        raise DoesNotApply(f"to be held to its data, give its class golden = {{{version}: '{digest}'}}")
    if version not in golden:
        fail(f"golden says nothing of version {version}", f"Add {version}: '{digest}' to it.")
    if golden[version] != digest:
        fail(
            f"the data of version {version} hash to {digest}, and golden says {golden[version]}",
            f"Raise version to {version + 1} and add {version + 1}: '{digest}' to golden"
            " (or replace it, while nobody has results).",
        )


def pinned(bench: ProbeBench) -> Iterator[bytes]:
    """Yield the first items of each split as bytes."""
    for split in SPLITS:
        yield from (digest for tensor in bench.items(split, most=PINNED) for digest in digests(tensor))


def digests(tensor: Tensor) -> list[bytes]:
    """Return the sha256 of each item: type, shape and values in C order."""
    head = f"{tensor.dtype} {tuple(tensor.shape[1:])}".encode()
    return [hashlib.sha256(head + item.contiguous().numpy().tobytes()).digest() for item in tensor.cpu()]


def plugin_imports_no_torch(bench: ProbeBench) -> None:
    """Opening its plugin imports neither torch nor numpy nor matplotlib, so that listing stays fast."""
    imports_nothing_heavy(bench.part.component, bench.registry)


PROBE = (
    says_what_cards_need,
    same_seed_gives_same_data_whatever_the_workers,
    seed_moves_training_alone,
    splits_never_meet,
    oracle_is_exact,
    truth_scores_perfect,
    a_constant_stays_near_chance,
    inputs_alone_decide_labels,
    controls_fail,
    data_are_those_of_this_version,
    plugin_imports_no_torch,
)
