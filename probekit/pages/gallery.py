"""A gallery shows what networks answered: each on its worst, median and best case, all on the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probekit.cards.card import Cell, Column
from probekit.cards.names import Names
from probekit.cards.words import number
from probekit.catalog.expression import resolve
from probekit.errors import ProbekitError, StoreError, reason
from probekit.interfaces import Dataset, Metric, Probe
from probekit.items import batch
from probekit.pages.plots import Panel, deviation, panel, png_address
from probekit.plans.budget import count
from probekit.runs.network import together, trained
from probekit.scores.cases import chosen, drawn
from probekit.storage.folder import CASES, SCORES, WEIGHTS, Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

PNG = b"\x89PNG\r\n\x1a\n"
SAME = 1e-2
"""How far, of the stored score, a network loaded again may be off."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test item: its input and its truth, and what was answered; a group of panels stands together."""

    title: str
    groups: tuple[tuple[Panel, ...], ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A structure's first seed, loaded again; scores: the headline's by test item, as stored."""

    structure: str
    model: Module
    scores: Tensor


@dataclass(slots=True)
class Gallery:
    """All pictures of a column, no test item twice on one network.

    flat: whether items are 1-D, drawn as bands. telling: the item on which most is seen: of several networks
    that on which they differ most, of one its worst. shared: others, answered by all; own: by each. notes:
    what is not drawn.
    """

    flat: bool = False
    telling: Case | None = None
    shared: list[Case] = field(default_factory=list)
    own: dict[str, list[Case]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def gallery(column: Column, probe: Probe, store: Store, names: Names) -> Gallery:
    """Draw a column's networks, the first seed of each, on the test items."""
    found = Gallery(flat=len(probe.shape.size) == 1)
    try:
        data = names.test_items(column.resolved)
    except ProbekitError as error:
        found.notes.append(f"No cases are drawn: {error.found}.")
        folders = {cell.structure: store.root / cell.done[0].folder for cell in column.cells if cell.done}
        found.own = {structure: as_stored(structure, Folder(path)) for structure, path in folders.items()}
        return found
    if str(probe.version) != column.version:
        found.notes.append(
            f"No cases: version {probe.version} of the probe is installed, not {column.version}."
        )
        return found
    metric = probe.metrics[0]
    networks = []
    for cell in column.cells:
        if not cell.done:
            continue
        folder = Folder(store.root / cell.done[0].folder)
        try:
            networks.append(network(cell, folder, probe, data, names))
        except Exception as error:  # what was stored may be anything, and a card says the rest
            said = error.found if isinstance(error, ProbekitError) else reason(error)
            found.notes.append(f"{cell.structure} is not drawn again: {said}.")
            found.own[cell.structure] = as_stored(cell.structure, folder)
    drawn = answered(networks, probe, data, metric, found.notes)
    common = drawn.common if len(drawn.networks) > 1 else []
    found.shared = [drawn.case(title, index, drawn.networks) for title, index in common]
    seen = {index for _, index in common}
    for one in drawn.networks:
        ends = [(name, index) for name, index in chosen(one.scores, metric) if index not in seen]
        found.own[one.structure] = [drawn.case(name, index, [one]) for name, index in ends]
    cases = found.shared or (found.own[drawn.networks[0].structure] if drawn.networks else [])
    found.telling = cases.pop(0) if cases else None
    return found


def network(cell: Cell, folder: Folder, probe: Probe, data: Dataset, names: Names) -> Network:
    """Load a cell's first seed. Raises ProbekitError or what its plugin raises where that cannot be."""
    import torch

    result = folder.read_result()
    names.refuse_files(result.plan.structure)
    scores = folder.read_tensors(SCORES, result)[0][probe.metrics[0].name]
    if scores.shape != (len(data),) or not scores.is_floating_point():
        found = f"its scores are {tuple(scores.shape)} of {scores.dtype}, not one of each test item"
        raise StoreError(f"reading {folder.path}", found)
    weights = together(*folder.read_tensors(WEIGHTS, result))
    expression = resolve(result.plan.structure, probe.structure, names.known)
    numbers = sum(value.numel() for value in weights.values() if isinstance(value, torch.Tensor))
    if (counted := count(expression, probe.shape, result.plan.width)) > numbers:
        found = f"it would have {counted:,} parameters, and {numbers:,} are stored"
        raise StoreError(f"reading {folder.path}", found)
    model = trained(expression, probe.shape, result.plan, weights)
    return Network(cell.structure, model, scores)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The chosen items, and what the networks answered to them, by the place of an item in `places`."""

    networks: list[Network]
    common: list[tuple[str, int]]
    places: dict[int, int]
    inputs: Tensor
    targets: Tensor
    answers: dict[str, Tensor]
    metric: Metric

    def case(self, title: str, index: int, networks: Sequence[Network]) -> Case:
        """Return an item with its input, its truth, and the answer and error of each network."""
        place = self.places[index]
        low, high = float(self.targets.min()), float(self.targets.max())
        truth = self.targets[place]
        panels = [
            Panel(panel(self.inputs[place]), "input", f"Input of test item {index}"),
            Panel(panel(truth, low, high), "truth", f"Truth of test item {index}"),
        ]
        for one in networks:
            answer, score = self.answers[one.structure][place], float(one.scores[index])
            who, said = (one.structure, f"{self.metric.name} {number(score)}")
            alone = len(networks) == 1
            panels += [
                Panel(
                    panel(answer, low, high),
                    f"prediction, {said}" if alone else f"{who}, {said}",
                    f"Prediction of {who} on test item {index}, {said}",
                ),
                Panel(
                    deviation(answer - truth, high - low),
                    "error",
                    f"Error of {who} on test item {index}",
                ),
            ]
        step = 1 if len(networks) == 1 else 2
        groups = (tuple(panels[start : start + step]) for start in range(0, len(panels), step))
        return Case(f"{title}, test item {index}", tuple(groups))


def answered(
    networks: Sequence[Network], probe: Probe, data: Dataset, metric: Metric, notes: list[str]
) -> Drawn:
    """Choose items and ask the networks; one that answers otherwise than when it was scored is left out."""
    import torch

    common = divided(networks, metric) if len(networks) > 1 else []
    wanted = sorted({i for _, i in common} | {i for one in networks for _, i in chosen(one.scores, metric)})
    inputs, targets = batch(data, wanted or [0])
    answers: dict[str, Tensor] = {}
    for one in networks:
        with torch.no_grad():
            output = one.model(inputs.clone()).float()
        again = metric.score(output, targets, inputs).float()
        if torch.allclose(again, one.scores[wanted].float(), rtol=SAME, atol=1e-4, equal_nan=True):
            answers[one.structure] = drawn(probe, output, targets)
        else:
            notes.append(f"{one.structure} is not drawn: it answers otherwise than when it was scored.")
    kept = [one for one in networks if one.structure in answers]
    places = {index: place for place, index in enumerate(wanted)}
    return Drawn(kept, common, places, inputs, targets, answers, metric)


def divided(networks: Sequence[Network], metric: Metric) -> list[tuple[str, int]]:
    """Return the items on which the networks differ most, and together do worst, middling and best."""
    import torch

    scores = torch.stack([one.scores.double() for one in networks])
    spread = (scores.amax(0) - scores.amin(0)).nan_to_num(-1.0)
    mean = [(name, index) for name, index in chosen(scores.mean(0), metric) if name != "second worst"]
    named = {int(spread.argmax()): "most divided"}
    for name, index in mean:
        named.setdefault(index, f"{name} on the average")
    return [(said, index) for index, said in named.items()]


def as_stored(structure: str, folder: Folder) -> list[Case]:
    """Return the picture that was drawn when the run was scored, where it is whole."""
    try:
        content = folder.read(CASES, folder.read_result())
    except StoreError:
        return []
    if not content.startswith(PNG):
        return []
    alt = f"Input, truth, prediction and error of {structure} on its worst, median and best test items"
    return [Case("As drawn when it was scored", ((Panel(png_address(content), "", alt),),))]
