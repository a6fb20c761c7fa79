"""What a probe promises of its data: they stay what they are, splits never meet, inputs decide labels."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

from probekit.authors.check.kit import DoesNotApply, fail
from probekit.catalog.grammar import parse_term
from probekit.catalog.registry import Registry
from probekit.interfaces import Probe, Split
from probekit.items import batch
from probekit.plans.golden import broken, digests, golden_hash, smallest, split_of, splits_of
from probekit.plans.scale import probe_at

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.catalog.part import Part

MOST = 256


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
        return smallest(scales)

    @property
    def probe(self) -> Probe:
        """Make the probe, with what was typed on top of the scale."""
        return probe_at(self.asked, self.scale, self.registry)

    def put_to_use(self) -> None:
        """Make the probe with the part's own parameters."""
        self.part.make()

    def items(self, split: Split, seed: int = 0, most: int = MOST) -> tuple[Tensor, Tensor]:
        """Return the first items of a split."""
        data = split_of(self.probe, split, seed)
        return batch(data, range(min(most, len(data))))


def same_seed_gives_same_data_whatever_the_workers(bench: ProbeBench) -> None:
    """An item is the same drawn alone, backwards, in one call, and by a loader with two workers."""
    import torch
    from torch.utils.data import DataLoader

    for split in splits_of(bench.probe):
        inputs, targets = bench.items(split, most=32)
        count = len(inputs)
        alone = split_of(bench.probe, split, 0)
        pairs = [alone[index] for index in reversed(range(count))][::-1]
        drawn = [("one by one and backwards", pairs)]
        if (several := getattr(split_of(bench.probe, split, 0), "__getitems__", None)) is not None:
            drawn.append(("in one call of __getitems__", several(range(count))))
        if split == "train":
            some = torch.utils.data.Subset(cast("Any", split_of(bench.probe, split, 0)), range(count))
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

    changed = {
        split: not torch.equal(bench.items(split, 0)[0], bench.items(split, 1)[0])
        for split in splits_of(bench.probe)
    }
    if not changed["train"]:
        fail(
            "another seed gives the same training split", "Put the seed into each training item's generator."
        )
    if moved := [split for split, other in changed.items() if other and split != "train"]:
        fail(
            f"a seed moves {' and '.join(moved)}",
            "Fix them by version alone, so that scores can be compared.",
        )


def splits_never_meet(bench: ProbeBench) -> None:
    """No input of one split is in another."""
    seen = {split: set(digests(bench.items(split)[0])) for split in splits_of(bench.probe)}
    for one, other in combinations(seen, 2):
        if shared := len(seen[one] & seen[other]):
            fail(
                f"{one} and {other} share {shared} inputs",
                "Put the split into each item's generator; a small space of inputs is shared out by a rule.",
            )


def inputs_alone_decide_labels(bench: ProbeBench) -> None:
    """Equal inputs have equal targets, in all splits and for several seeds."""
    labels: dict[bytes, bytes] = {}
    for split in splits_of(bench.probe):
        for seed in (0, 1) if split == "train" else (0,):
            inputs, targets = bench.items(split, seed)
            for key, label in zip(digests(inputs), digests(targets), strict=True):
                if labels.setdefault(key, label) != label:
                    fail(
                        "one input has two labels", "Leave such inputs out; `probekit certify` looks at more."
                    )


def data_are_those_of_this_version(bench: ProbeBench) -> None:
    """The data hash to what `golden` says of this version: changed data demand a new version."""
    if parse_term(bench.asked).params:
        raise DoesNotApply("golden is of the scale's own parameters")
    golden = getattr(bench.part.target, "golden", None)
    probe = bench.probe
    if golden is None or probe.version not in golden:
        entry = f"{probe.version}: '{golden_hash(probe)}'"
        if golden is None:
            raise DoesNotApply(f"to be held to its data, give its class golden = {{{entry}}}")
        fail(f"golden says nothing of version {probe.version}", f"Add {entry} to it.")
    if (found := broken(bench.part)) is not None:
        fail(*found)


DATA = (
    same_seed_gives_same_data_whatever_the_workers,
    seed_moves_training_alone,
    splits_never_meet,
    inputs_alone_decide_labels,
    data_are_those_of_this_version,
)
