"""A contrast compares two structures on one probe: over seeds, over test items, and item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from probekit.cards.assemble import make_card
from probekit.cards.card import Column
from probekit.cards.cell import Cell
from probekit.cards.names import Names
from probekit.catalog.grammar import normalize_expression
from probekit.catalog.registry import Registry
from probekit.evidence.compare import BEST, INSEPARABLE, Difference, rank_structures, subtract_estimates
from probekit.evidence.differences import find_p
from probekit.evidence.estimate import estimate_mean
from probekit.plain import make_plain, render_html_table
from probekit.plans.finite import MAX_MAGNITUDE
from probekit.plugin.errors import StoreError, UsageError
from probekit.plugin.interfaces import Metric
from probekit.scores.interval import difference_bounds, mean_interval
from probekit.storage.folder import SCORES, Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor


class Differing(BaseModel):
    """A test item that one of two structures solves: its index, and each mean score over seeds."""

    model_config = ConfigDict(frozen=True)

    item: int
    one: float
    other: float


class Contrast(BaseModel):
    """Two structures on one probe; differences are `one` minus `other`.

    Attributes:
        means: Means over seeds.
        seeds: The difference over seeds, by Welch's t, with the noise between test items; it has no interval
            if nothing tells how much seeds vary.
        items: The difference over the test items that the metric applies to, of means over seeds.
        standing: The comparison in words; it includes the scale's noise between seeds.
        floor: The floor of the runs, None if they do not agree on one.
        cautions: Warnings for readers.
        solved: The score from which an item is solved, None if no number is perfect.
        only_one: Test items that only the first structure solves, greatest difference first.
        only_other: Test items that only the second solves.
        both: How many items both solve.
        neither: How many items neither solves.
        count: How many items the metric applies to.
    """

    model_config = ConfigDict(frozen=True)

    probe: str
    scale: str
    metric: str
    better: Literal["higher", "lower"]
    one: str
    other: str
    means: tuple[float, float]
    seeds: Difference
    items: Difference
    standing: str
    floor: float | None = None
    cautions: tuple[str, ...] = ()
    solved: float | None
    only_one: tuple[Differing, ...]
    only_other: tuple[Differing, ...]
    both: int
    neither: int
    count: int

    def __repr__(self) -> str:
        """Return a summary in one line; `model_dump()` returns all of it."""
        return make_plain(
            f"<Contrast: {self.one} and {self.other} on {self.probe}, {self.scale}: {self.standing}>"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = [[name, f"{mean:.4f}"] for name, mean in zip((self.one, self.other), self.means, strict=True)]
        solved = f"Solved by both {self.both}, by neither {self.neither} of {self.count} test items."
        return render_html_table(
            f"{self.metric} on {self.probe}", ["structure", self.metric], rows, [self.standing, solved]
        )


def contrast_structures(
    store: Store, registry: Registry, first: str, second: str, probe: str, scale: str
) -> Contrast:
    """Compare two structures from their stored runs.

    Args:
        store: The stored runs.
        registry: The installed components.
        first: The first structure.
        second: The second structure, which is subtracted.
        probe: The probe.
        scale: The name of the scale.

    Raises:
        UsageError: The structures share no scored seed of one version of the probe.
        StoreError: The scores of test items are not as they were stored.
    """
    first, second, probe = map(normalize_expression, (first, second, probe))
    column, cells = shared_column(store, registry, first, second, probe, scale)
    metric = Names(registry, (first, second), (probe,)).probe(column.resolved).metrics[0]
    means = [cell.headline.mean for cell in cells]
    if means[0] is None or means[1] is None:
        message = f"{first if means[0] is None else second} has no score in {metric.name}"
        raise UsageError(f"compare {first} {second}", message, "Run it with other test items.")
    first_items, second_items = (mean_item_scores(store, cell, metric.name) for cell in cells)
    valid = (first_items.abs() <= MAX_MAGNITUDE) & (second_items.abs() <= MAX_MAGNITUDE)
    differences = (first_items - second_items)[valid].tolist()
    floor, solved = column.floor, column.perfect
    if floor is not None and solved is not None:
        solved = floor + column.thresholds[0] * (solved - floor)
    first_solves = is_solved(first_items, solved, metric)
    second_solves = is_solved(second_items, solved, metric)

    def list_items(mask: Tensor) -> tuple[Differing, ...]:
        items = [
            Differing(item=int(i), one=float(first_items[i]), other=float(second_items[i]))
            for i in mask.nonzero().flatten()
        ]
        return tuple(sorted(items, key=lambda item: -abs(item.one - item.other)))

    estimates = [cell.estimate for cell in cells]
    ranks = rank_structures(dict(zip((first, second), estimates, strict=True)), metric, column.decides)
    return Contrast(
        probe=column.probe,
        scale=scale,
        metric=metric.name,
        better=metric.better,
        one=first,
        other=second,
        means=(means[0], means[1]),
        seeds=subtract_estimates(estimates[0], estimates[1], metric.bounds)
        if estimates[0] and estimates[1]
        else Difference(mean=means[0] - means[1], interval=None, p=None),
        items=subtract_items(differences, metric),
        standing=describe_ranks(ranks),
        floor=floor,
        cautions=column.cautions,
        solved=solved,
        only_one=list_items(first_solves & ~second_solves & valid),
        only_other=list_items(second_solves & ~first_solves & valid),
        both=int((first_solves & second_solves).sum()),
        neither=int((~first_solves & ~second_solves & valid).sum()),
        count=int(valid.sum()),
    )


def shared_column(
    store: Store, registry: Registry, first: str, second: str, probe: str, scale: str
) -> tuple[Column, tuple[Cell, Cell]]:
    """Return the column of the newest version in which both structures were scored, and their cells."""
    names = Names(registry, (first, second), (probe,))
    card = make_card(store, registry, (first, second), (probe,), scale)
    request = f"compare {first} {second}"
    for column in card.columns:
        host = names.probe(column.resolved).structure
        if names.structure_text(first, host) == names.structure_text(second, host):
            message = "they are one structure" if first == second else "they are two names of one structure"
            raise UsageError(request, message, "Name two different ones.")
    for column in sorted(card.columns, key=version_number, reverse=True):
        first_cell, second_cell = column.cell(first), column.cell(second)
        if first_cell is not None and second_cell is not None and first_cell.done and second_cell.done:
            return column, (first_cell, second_cell)
    missing = [
        name
        for name in (first, second)
        if not any((cell := column.cell(name)) is not None and cell.done for column in card.columns)
    ]
    left_out = f" ({len(card.left_out)} left out: {card.left_out[0]})" if card.left_out else ""
    raise (StoreError if left_out else UsageError)(
        f"{request} on {probe}, scale {scale}",
        f"{store.root} holds no scored run of {' or '.join(missing) or 'both at one version'}{left_out}",
        f"Type `probekit run {probe} -s {first} -s {second} --seeds 3 --scale {scale}`.",
    )


def version_number(column: Column) -> int:
    """Return the version of a column's probe as a number, -1 without one."""
    return int(column.version) if column.version.isdecimal() else -1


def is_solved(values: Tensor, solved: float | None, metric: Metric) -> Tensor:
    """Tell which items are solved, given the score from which they are, (items,) bool."""
    if solved is None:
        return values.isnan() & False
    return (values <= solved) if metric.better == "lower" else (values >= solved)


def mean_item_scores(store: Store, cell: Cell, metric: str) -> Tensor:
    """Return the scores of a cell's test items, means over its seeds, (items,) float64."""
    import torch

    scores = []
    for run in cell.done:
        folder = Folder(store.root / run.folder)
        scores.append(folder.read_tensors(SCORES, folder.read_result())[0][metric].double())
    return torch.stack(scores).mean(0)


def subtract_items(differences: Sequence[float], metric: Metric) -> Difference:
    """Return the mean difference over test items, by the paired t-test."""
    interval = mean_interval(differences, "items", difference_bounds(metric.bounds))
    estimate = estimate_mean(differences, None, 0)
    p = None if estimate is None else find_p(estimate)
    return Difference(mean=mean(differences), interval=interval, p=p)


def describe_ranks(ranks: Mapping[str, tuple[str, Difference | None]]) -> str:
    """Return in words how two structures compare, given their ranks."""
    for name, (standing, _) in ranks.items():
        if standing == BEST:
            (rival,) = (other for other in ranks if other != name)
            return f"{name} is better than {rival}."
    if all(standing == INSEPARABLE for standing, _ in ranks.values()):
        return f"{' and '.join(ranks)} are {INSEPARABLE}."
    why = "a claim needs three seeds of each, or measured noise, at a scale that decides"
    return f"No order is claimed: {why}."
