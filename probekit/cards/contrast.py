"""A contrast says where two structures differ on a probe: over seeds, over test items, and on which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from probekit.cards.assemble import make_card
from probekit.cards.card import Cell, Column
from probekit.cards.names import Names
from probekit.catalog.grammar import canonical
from probekit.catalog.registry import Registry
from probekit.errors import StoreError, UsageError
from probekit.evidence.compare import BEST, INSEPARABLE, Difference, differing, paired, ranks
from probekit.interfaces import Metric
from probekit.plain import plain, table
from probekit.plans.finite import LARGEST
from probekit.storage.folder import SCORES, Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor


class Differing(BaseModel):
    """A test item that one of two structures solves: its number, and the score of each, mean over seeds."""

    model_config = ConfigDict(frozen=True)

    item: int
    one: float
    other: float


class Contrast(BaseModel):
    """Two structures on one probe: one minus other.

    means: over the seeds that both have. seeds, items: the differences over seeds, and over the test items
    that the metric applies to, of means over seeds (`seeds` of an item's difference is theirs). standing: in
    words, with the scale's noise between seeds. floor: of the runs that are compared, None where they have
    none in common; cautions: what must be known of it. solved: the score from which an item is solved, None
    where the metric calls no number perfect. only_one, only_other: test items that one solves and the other
    does not, the most divided first; both, neither: how many others; count: of all.
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
        """Say it in a line; `model_dump()` says all of it."""
        return plain(
            f"<Contrast: {self.one} and {self.other} on {self.probe}, {self.scale}: {self.standing}>"
        )

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = [[name, f"{mean:.4f}"] for name, mean in zip((self.one, self.other), self.means, strict=True)]
        solved = f"Solved by both {self.both}, by neither {self.neither} of {self.count} test items."
        return table(
            f"{self.metric} on {self.probe}", ["structure", self.metric], rows, [self.standing, solved]
        )


def contrast(store: Store, known: Registry, one: str, other: str, probe: str, scale: str) -> Contrast:
    """Compare two structures by what is stored.

    Raises UsageError where they share no scored seed of one version of the probe, StoreError where the scores
    of test items are not as they were stored.
    """
    one, other, probe = map(canonical, (one, other, probe))
    column, cells = shared(store, known, one, other, probe, scale)
    scores = [{run.seed: run.score for run in cell.done if run.score is not None} for cell in cells]
    seeds = sorted(set(scores[0]) & set(scores[1]))
    metric = Names(known, (one, other), (probe,)).probe(column.resolved).metrics[0]
    by_seed = paired(scores[0], scores[1], metric.bounds)
    if by_seed is None:
        found = f"{one} has seeds {sorted(scores[0])}, {other} has {sorted(scores[1])}: none in common"
        raise UsageError(f"compare {one} {other}", found, "Run both with --seeds 3.")
    items = [item_means(store, cell, seeds, metric.name) for cell in cells]
    known_items = (items[0].abs() <= LARGEST) & (items[1].abs() <= LARGEST)
    gaps = (items[0] - items[1])[known_items].tolist()
    floor, solved = column.floor, column.perfect
    if floor is not None and solved is not None:
        solved = floor + column.thresholds[0] * (solved - floor)
    did = [reaching(values, solved, metric) for values in items]
    first, second = (
        sorted(
            (
                Differing(item=int(i), one=float(items[0][i]), other=float(items[1][i]))
                for i in (does & ~does_not & known_items).nonzero().flatten()
            ),
            key=lambda case: -abs(case.one - case.other),
        )
        for does, does_not in (did, did[::-1])
    )
    return Contrast(
        probe=column.probe,
        scale=scale,
        metric=metric.name,
        better=metric.better,
        one=one,
        other=other,
        means=(mean(scores[0][seed] for seed in seeds), mean(scores[1][seed] for seed in seeds)),
        seeds=by_seed,
        items=differing(gaps, metric.bounds, "items").model_copy(update={"seeds": len(seeds)}),
        standing=standing(
            ranks(dict(zip((one, other), scores, strict=True)), metric, column.noise, column.decides)
        ),
        floor=floor,
        cautions=column.cautions,
        solved=solved,
        only_one=tuple(first),
        only_other=tuple(second),
        both=int((did[0] & did[1]).sum()),
        neither=int((~did[0] & ~did[1] & known_items).sum()),
        count=int(known_items.sum()),
    )


def shared(
    store: Store, known: Registry, one: str, other: str, probe: str, scale: str
) -> tuple[Column, tuple[Cell, Cell]]:
    """Return the column of the newest version in which both were scored, and their cells."""
    names = Names(known, (one, other), (probe,))
    for column in (card := make_card(store, known, (one, other), (probe,), scale)).columns:
        host = names.probe(column.resolved).structure
        if names.structure_text(one, host) == names.structure_text(other, host):
            found = "they are one structure" if one == other else "they are two names of one structure"
            raise UsageError(f"compare {one} {other}", found, "Name two different ones.")
    columns = card.columns
    for column in sorted(columns, key=version_of, reverse=True):
        first, second = column.cell(one), column.cell(other)
        if first is not None and second is not None and first.done and second.done:
            return column, (first, second)
    missing = [
        name
        for name in (one, other)
        if not any((cell := column.cell(name)) is not None and cell.done for column in columns)
    ]
    aside = f" ({len(card.left_out)} left out: {card.left_out[0]})" if card.left_out else ""
    raise (StoreError if aside else UsageError)(
        f"compare {one} {other} on {probe}, scale {scale}",
        f"{store.root} holds no scored run of {' or '.join(missing) or 'both at one version'}{aside}",
        f"Type `probekit run {probe} -s {one} -s {other} --seeds 3 --scale {scale}`.",
    )


def version_of(column: Column) -> int:
    """Return the version of a column's probe as a number, -1 where it states none."""
    return int(column.version) if column.version.isdecimal() else -1


def reaching(values: Tensor, solved: float | None, metric: Metric) -> Tensor:
    """Tell which items' scores reach that from which an item is solved, (items,) bool."""
    if solved is None:
        return values.isnan() & False
    return (values <= solved) if metric.better == "lower" else (values >= solved)


def item_means(store: Store, cell: Cell, seeds: Sequence[int], metric: str) -> Tensor:
    """Return the scores of a cell's test items, means over these seeds, (items,) float64."""
    import torch

    several = []
    for run in cell.done:
        if run.seed in seeds:
            folder = Folder(store.root / run.folder)
            several.append(folder.read_tensors(SCORES, folder.read_result())[0][metric].double())
    return torch.stack(several).mean(0)


def standing(found: Mapping[str, tuple[str, Difference | None]]) -> str:
    """Return in words how two structures stand, given their ranks, the best mean first."""
    (first, (said, _)), (second, _) = found.items()
    if said == BEST:
        return f"{first} is better than {second}."
    if said == INSEPARABLE:
        return f"{first} and {second} are {INSEPARABLE}."
    why = "that takes three seeds of each, at a scale that decides"
    return f"{first} has the better mean; no order is claimed: {why}."
