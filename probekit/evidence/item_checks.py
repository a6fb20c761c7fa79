"""Checks of single items: each label is the only one possible, and the oracle finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict

from probekit.plans.golden import SPLITS, hash_items, load_split
from probekit.plugin.errors import ComponentError, name_culprit
from probekit.plugin.interfaces import Dataset, Probe, Split
from probekit.plugin.items import iterate_batches
from probekit.scores.pictures import GridRow, draw_grid
from probekit.scores.score import EVAL_BATCH_SIZE, mean_expected_score

if TYPE_CHECKING:
    from torch import Tensor

    from probekit.runs.session import ProgressListener

T = TypeVar("T")


class Check(BaseModel):
    """One check of a probe: whether it holds (None if it was not measured), and the evidence in words."""

    model_config = ConfigDict(frozen=True)

    name: str
    holds: bool | None
    evidence: str


MAX_REPEATED = 0.1
"""Greatest share of training inputs that repeat another one."""


class PartChecker:
    """Calls the parts of a probe, and remembers the first error of each check instead of raising it."""

    def __init__(self) -> None:
        self.errors: dict[str, ComponentError] = {}

    def call(self, check: str, part: str, function: Callable[[], T]) -> T | None:
        """Return what a part of the probe returns; None once the check has failed.

        Args:
            check: The name of the check.
            part: The part, for messages.
            function: Calls it.
        """
        if check in self.errors:
            return None
        try:
            with name_culprit(part):
                return function()
        except ComponentError as error:
            self.errors[check] = error
            return None

    def list_failures(self) -> list[Check]:
        """Return the checks that could not be made."""
        return [fail_check(name, error) for name, error in self.errors.items()]


def fail_check(name: str, error: ComponentError) -> Check:
    """Return the check that an error prevented."""
    return Check(name=name, holds=False, evidence=f"not measured: {error.request}: {error.problem}")


def check_items(probe: Probe, items: int, watch: ProgressListener) -> tuple[list[Check], bytes]:
    """Check item by item that the label is unambiguous and that the oracle finds it.

    Three optional methods of a probe are used. `certified(inputs) -> {rule: (batch,) bool}` proves from an
    input that it has one label. `contents(inputs, targets) -> {name: (batch,) numbers}` describes an input.
    `ceiling(inputs) -> (batch,)` is the expected headline score of the best possible guesses, a share.
    An exception of one part fails its own check only.

    Args:
        probe: The probe, whose training split is checked.
        items: How many items to check at most.
        watch: Receives progress events.

    Returns:
        The checks, and a PNG picture of the first item that fails, empty if none does.

    Raises:
        ComponentError: The items cannot be drawn.
    """
    import torch

    data = probe.data("train", 0)
    count = min(items, len(data))
    unproved: dict[str, int] = {}
    expected_scores: list[Tensor] = []
    contents: dict[str, list[Tensor]] = {}
    errors = 0
    picture = b""
    parts = PartChecker()
    for indices, inputs, targets in draw_batches(data, count):
        answers = parts.call("well-posed", "the oracle", lambda: ask_oracle(probe, inputs, targets))  # noqa: B023
        wrong = torch.zeros(len(inputs), dtype=torch.bool)
        if answers is not None:
            wrong = (answers != targets).flatten(1).any(1)
        failed = wrong.clone()
        unproved_items = parts.call(
            "unambiguous",
            "its method `certified`",
            lambda: {rule: ~holds for rule, holds in probe.certified(inputs).items()},  # noqa: B023
        )
        for rule, fails in (unproved_items or {}).items():
            unproved[rule] = unproved.get(rule, 0) + int(fails.sum())
            failed |= fails
        numbers = parts.call(
            "simple",
            "its method `contents`",
            lambda: dict(probe.contents(inputs, targets)),  # noqa: B023
        )
        for name, values in (numbers or {}).items():
            contents.setdefault(name, []).append(values)
        expected = parts.call("well-posed", "its method `ceiling`", lambda: probe.ceiling(inputs))  # noqa: B023
        if expected is not None:
            expected_scores.append(expected)
        errors += int(wrong.sum())
        if not picture and answers is not None and bool(failed.any()):
            first = int((wrong if bool(wrong.any()) else failed).int().argmax())
            picture = draw_counterexample(indices[first], inputs[first], targets[first], answers[first])
        watch("examine", {"step": indices.stop, "steps": count})
    checks = []
    if unproved and "unambiguous" not in parts.errors:
        evidence = "; ".join(f"{rule}: {count - n:,} of {count:,}" for rule, n in unproved.items())
        checks.append(Check(name="unambiguous", holds=not any(unproved.values()), evidence=evidence))
    if "well-posed" not in parts.errors:
        evidence = f"the oracle is exact on {count - errors:,} of {count:,}"
        if (ceiling := mean_expected_score(expected_scores)) is not None:
            evidence += f"; the best possible solver expects {ceiling:.2%} in {probe.metrics[0].name}"
        checks.append(Check(name="well-posed", holds=errors == 0, evidence=evidence))
    if contents and "simple" not in parts.errors:
        described = [describe_content(name, torch.cat(values).double()) for name, values in contents.items()]
        evidence = "an input holds " + ", ".join(described)
        checks.append(Check(name="simple", holds=None, evidence=evidence))
    return [*checks, *parts.list_failures()], picture


def ask_oracle(probe: Probe, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the oracle's answers, in the shape of the targets.

    Raises:
        ComponentError: They have another shape.
    """
    answers = probe.oracle(inputs)
    if answers.shape != targets.shape:
        shapes = f"shape {tuple(answers.shape)}, but targets have {tuple(targets.shape)}"
        raise ComponentError("the oracle", f"it returned {shapes}")
    return answers


def draw_batches(data: Dataset, count: int) -> Iterator[tuple[range, Tensor, Tensor]]:
    """Yield the first `count` items in evaluation batches.

    Raises:
        ComponentError: An item cannot be drawn.
    """
    batches = iterate_batches(data, count, EVAL_BATCH_SIZE)
    while True:
        with name_culprit("drawing its items"):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def has_oracle(probe: Probe) -> bool:
    """Return whether a probe has an oracle; `oracle = None` says that it has none."""
    return callable(getattr(probe, "oracle", None))


def check_repeats(probe: Probe, items: int) -> Check:
    """Check that few training inputs are repeated, and that no test input is a training input.

    Of a finite set, no input may occur twice, in one split or in two.

    Args:
        probe: The probe.
        items: How many items of each split to check at most; of a finite set, all are checked.

    Raises:
        ComponentError: The items cannot be drawn.
    """
    if probe.finite:
        return check_finite_set(probe)
    digests = {split: hash_split(probe, split, items) for split in ("train", "test")}
    train, test = set(digests["train"]), set(digests["test"])
    count, shared = len(digests["train"]), len(train & test)
    return Check(
        name="distinct",
        holds=not shared and len(train) >= (1 - MAX_REPEATED) * count,
        evidence=f"{len(train):,} different inputs among {count:,} training items; "
        f"{shared:,} of {len(test):,} test inputs occur among them",
    )


def check_finite_set(probe: Probe) -> Check:
    """Check that the splits are disjoint parts of one finite set, item by item."""
    counts = count_shared_items(probe)
    return Check(
        name="distinct",
        holds=not any(counts.values()),
        evidence=f"a finite set ({probe.finite}); "
        + ", ".join(f"{count:,} inputs {label}" for label, count in counts.items()),
    )


def count_shared_items(probe: Probe) -> dict[str, int]:
    """Return how many inputs of a finite set occur more than once in a split, and in each two splits."""
    digests = {split: hash_split(probe, split) for split in SPLITS}
    repeated = {f"twice in {split}": len(listed) - len(set(listed)) for split, listed in digests.items()}
    shared = {
        f"in {first} and {second}": len(set(digests[first]) & set(digests[second]))
        for first, second in combinations(SPLITS, 2)
    }
    return {**repeated, **shared}


def hash_split(probe: Probe, split: Split, items: int | None = None, *, seed: int = 0) -> list[bytes]:
    """Return a hash of each of the first inputs of a split; of all if `items` is None.

    Raises:
        ComponentError: The items cannot be drawn.
    """
    with name_culprit("its method `data`"):
        data = load_split(probe, split, seed)
    batches = draw_batches(data, len(data) if items is None else min(items, len(data)))
    return [digest for _, inputs, _ in batches for digest in hash_items(inputs)]


def describe_content(name: str, values: Tensor) -> str:
    """Return the mean and the range of one number that describes inputs."""
    if values.isfinite().all():
        return f"{name} {values.mean():.3g} ({values.min():.3g} to {values.max():.3g})"
    return f"{name}, which is not finite for {int((~values.isfinite()).sum()):,}"


def draw_counterexample(index: int, inputs: Tensor, target: Tensor, answer: Tensor) -> bytes:
    """Draw an item that failed, as a PNG."""
    row = GridRow(f"item {index}", (inputs, target, answer, answer - target))
    heads = ("input", "label", "oracle's answer", "difference")
    return draw_grid("A label that the input does not determine", heads, [row], frozenset({"difference"}))
