"""Checks of a probe's data: reproducible, disjoint splits, targets determined by inputs."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

from probekit.authors.check.base import DoesNotApply, fail
from probekit.authors.check.fixture import Fixture
from probekit.catalog.grammar import Term, parse_term
from probekit.evidence.item_checks import MAX_REPEATED, count_shared_items, hash_split
from probekit.plans.golden import (
    check_golden,
    golden_hash,
    hash_items,
    list_splits,
    load_split,
    smallest_scale,
)
from probekit.plans.scale import make_probe_at
from probekit.plugin.interfaces import Probe, Split
from probekit.plugin.items import read_batch

if TYPE_CHECKING:
    from torch import Tensor


MAX_ITEMS = 256
FEW_ITEMS = {"train": 64, "validation": 16, "test": 16}
"""What is asked of a large scale, whose items may all be drawn at once."""
OTHER_SEEDS = (1, 2, 3)
"""Seeds whose training items must not be test items."""
CLOSE = 1e-5
"""The distance of two inputs, relative to the largest norm, that nobody can see."""
FINITE_HINT = "List all items in one fixed order, and give each place of the list to one split."
SPLIT_HINT = "Seed each item's generator with the split; if there are few inputs, divide them by a rule."


@dataclass(frozen=True, slots=True)
class ProbeFixture(Fixture):
    """A probe at its smallest scale: the scale smoke, or its first.

    Attributes:
        chosen_scale: the scale; "" for the smallest.
    """

    chosen_scale: str = ""

    @property
    def scale(self) -> str:
        """The name of the scale: the chosen one, or the smallest."""
        scales = getattr(self.part.target, "scales", {})
        if not scales:
            fail("it has no scales", "Define the class attribute `scales`, a dict of probekit.Scale by name.")
        return self.chosen_scale or smallest_scale(scales)

    def at_scale(self, scale: str) -> ProbeFixture:
        """Return the probe at another scale, with few items of each split if it has such parameters."""
        term = parse_term(self.request)
        few = {name: value for name, value in FEW_ITEMS.items() if self.part.accepts(name)}
        request = str(Term(term.name, tuple({**few, **dict(term.params)}.items())))
        return replace(self, request=request, chosen_scale=scale)

    @property
    def probe(self) -> Probe:
        """The probe, with the scale's parameters and those that were typed."""
        return make_probe_at(self.request, self.scale, self.registry)

    def exercise(self) -> None:
        """Make the probe."""
        self.part.make()

    def items(self, split: Split, seed: int = 0, limit: int = MAX_ITEMS) -> tuple[Tensor, Tensor]:
        """Return inputs and targets of the first items of a split."""
        data = load_split(self.probe, split, seed)
        return read_batch(data, range(min(limit, len(data))))


def same_seed_gives_same_data(fixture: ProbeFixture) -> None:
    """Items are the same read one by one, backwards, in one call, and by a DataLoader with two workers."""
    import torch
    from torch.utils.data import DataLoader

    for split in list_splits(fixture.probe):
        inputs, targets = fixture.items(split, limit=32)
        count = len(inputs)
        dataset = load_split(fixture.probe, split, 0)
        pairs = [dataset[index] for index in reversed(range(count))][::-1]
        readings = [("one by one and backwards", pairs)]
        if (get_items := getattr(load_split(fixture.probe, split, 0), "__getitems__", None)) is not None:
            readings.append(("in one call of __getitems__", get_items(range(count))))
        if split == "train":
            subset = torch.utils.data.Subset(cast("Any", load_split(fixture.probe, split, 0)), range(count))
            context = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
            loader = DataLoader(subset, batch_size=4, num_workers=2, multiprocessing_context=context)
            pairs = [pair for batches in loader for pair in zip(*batches, strict=True)]
            readings.append(("by two workers", pairs))
        for method, pairs in readings:
            same = all(
                torch.equal(item, inputs[index]) and torch.equal(label, targets[index])
                for index, (item, label) in enumerate(pairs)
            )
            if not same or len(pairs) != count:
                fail(
                    f"items of {split} differ when they are read {method}",
                    "Draw each item from its own generator, seeded by (seed, split, index).",
                )


def seed_moves_training_alone(fixture: ProbeFixture) -> None:
    """Another seed changes the training split, unless its set is finite, and neither validation nor test."""
    import torch

    changed = {
        split: not torch.equal(fixture.items(split, 0)[0], fixture.items(split, 1)[0])
        for split in list_splits(fixture.probe)
    }
    if not changed["train"] and not fixture.probe.finite:
        fail(
            "another seed gives the same training split",
            "Use the seed in the generator of each training item.",
        )
    if fixed_splits := [split for split, is_changed in changed.items() if is_changed and split != "train"]:
        fail(
            f"another seed changes {' and '.join(fixed_splits)}",
            "Ignore the seed for these splits, so that scores of different seeds are comparable.",
        )


def splits_are_disjoint(fixture: ProbeFixture) -> None:
    """No input occurs in two splits, or nearly so; nor do test inputs occur in training with other seeds."""
    splits = list_splits(fixture.probe)
    inputs = {split: fixture.items(split)[0] for split in splits}
    others = {f"train with seed {seed}": fixture.items("train", seed)[0] for seed in OTHER_SEEDS}
    pairs = [*combinations(inputs, 2), *((name, split) for name in others for split in splits[1:])]
    for first, second in pairs:
        one, other = (inputs | others)[first], inputs[second]
        if shared := len(set(hash_items(one)) & set(hash_items(other))):
            fail(f"{first} and {second} share {shared} inputs", SPLIT_HINT)
        if close := count_close_items(one, other):
            fail(
                f"{close} inputs of {first} and {second} differ by less than {CLOSE:g} of their size",
                SPLIT_HINT,
            )


def finite_set_is_shared_out(fixture: ProbeFixture) -> None:
    """Every item of a finite set is in one split, once, whatever the seed: all items are compared."""
    probe = fixture.probe
    if not probe.finite:
        raise DoesNotApply("it declares no finite set of items")
    for place, count in count_shared_items(probe).items():
        if count:
            fail(f"{count} inputs of the finite set occur {place}", FINITE_HINT)
    first, second = (set(hash_split(probe, "train", seed=seed)) for seed in (0, 1))
    if first != second:
        fail("another seed gives other training items", FINITE_HINT)


def count_close_items(one: Tensor, other: Tensor) -> int:
    """Return how many inputs of one split have a nearly equal input in another."""
    import torch

    first, second = (inputs.flatten(1).double() for inputs in (one, other))
    size = max(float(first.norm(dim=1).max()), float(second.norm(dim=1).max()))
    return int((torch.cdist(first, second).amin(1) <= CLOSE * size).sum())


def training_items_are_distinct(fixture: ProbeFixture) -> None:
    """Few of the training inputs are repeated: a network could know them by heart."""
    inputs, _ = fixture.items("train")
    different = len(set(hash_items(inputs)))
    if different < (1 - MAX_REPEATED) * len(inputs):
        fail(
            f"there are only {different} different inputs among {len(inputs)} training items",
            "Seed each item's generator with its index, and draw from more items.",
        )


def inputs_determine_targets(fixture: ProbeFixture) -> None:
    """Equal inputs have equal targets, over all splits and two seeds."""
    labels: dict[bytes, bytes] = {}
    for split in list_splits(fixture.probe):
        for seed in (0, 1) if split == "train" else (0,):
            inputs, targets = fixture.items(split, seed)
            for key, label in zip(hash_items(inputs), hash_items(targets), strict=True):
                if labels.setdefault(key, label) != label:
                    fail(
                        "the same input has two targets",
                        "Remove ambiguous inputs; `probekit certify` checks more of them.",
                    )


def data_match_golden_hash(fixture: ProbeFixture) -> None:
    """The hash of the data is the one in `golden` for this version: changed data need a new version."""
    if parse_term(fixture.request).params:
        raise DoesNotApply("golden hashes are for the parameters of the scale")
    probe = fixture.probe
    if probe.version not in probe.golden:
        entry = f"{probe.version}: '{golden_hash(probe)}'"
        if not probe.golden:
            raise DoesNotApply(f"to detect changed data, define the class attribute golden = {{{entry}}}")
        fail(f"golden has no hash for version {probe.version}", f"Add {entry} to golden.")
    if (mismatch := check_golden(fixture.part)) is not None:
        fail(*mismatch)


DATA_CHECKS = (
    same_seed_gives_same_data,
    seed_moves_training_alone,
    splits_are_disjoint,
    finite_set_is_shared_out,
    training_items_are_distinct,
    inputs_determine_targets,
    data_match_golden_hash,
)
