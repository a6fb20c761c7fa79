"""A gallery shows the outputs of networks: on cases that all share, and on each one's worst and best."""

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
TOLERANCE = 1e-2
"""Greatest relative difference between a stored score and that of the network loaded again."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test item: its input, its truth and the outputs; the panels of a group stand together."""

    title: str
    groups: tuple[tuple[Panel, ...], ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A structure's first seed, loaded again, with its stored headline score of each test item."""

    structure: str
    model: Module
    scores: Tensor


@dataclass(slots=True)
class Gallery:
    """All pictures of a column; no network shows a test item twice.

    Attributes:
        flat: Whether items are 1-D, drawn as bands.
        telling: The most informative item: of several networks where they differ most, of one its worst.
        shared: More items, with the outputs of all networks.
        single: Items by structure, with the output of that network.
        notes: What is not drawn.
    """

    flat: bool = False
    telling: Case | None = None
    shared: list[Case] = field(default_factory=list)
    single: dict[str, list[Case]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def draw_gallery(column: Column, probe: Probe, store: Store, names: Names) -> Gallery:
    """Draw outputs of the first seed of each structure of a column."""
    gallery = Gallery(flat=len(probe.shape.size) == 1)
    try:
        data = names.test_items(column.resolved)
    except ProbekitError as error:
        gallery.notes.append(f"No cases are drawn: {error.found}.")
        folders = {cell.structure: store.root / cell.done[0].folder for cell in column.cells if cell.done}
        gallery.single = {name: stored_cases(name, Folder(path)) for name, path in folders.items()}
        return gallery
    if str(probe.version) != column.version:
        gallery.notes.append(
            f"No cases are drawn: version {probe.version} of the probe is installed, not {column.version}."
        )
        return gallery
    metric = probe.metrics[0]
    networks = []
    for cell in column.cells:
        if not cell.done:
            continue
        folder = Folder(store.root / cell.done[0].folder)
        try:
            networks.append(load_network(cell, folder, probe, data, names))
        except Exception as error:  # a store may hold anything, and the rest of the card is still useful
            message = error.found if isinstance(error, ProbekitError) else reason(error)
            gallery.notes.append(f"{cell.structure} cannot be loaded again: {message}.")
            gallery.single[cell.structure] = stored_cases(cell.structure, folder)
    outputs = run_networks(networks, probe, data, metric, gallery.notes)
    common = outputs.common if len(outputs.networks) > 1 else []
    gallery.shared = [outputs.make_case(title, index, outputs.networks) for title, index in common]
    shown = {index for _, index in common}
    for network in outputs.networks:
        picks = [(title, index) for title, index in chosen(network.scores, metric) if index not in shown]
        cases = [outputs.make_case(title, index, [network]) for title, index in picks]
        gallery.single[network.structure] = cases
    cases = gallery.shared or (gallery.single[outputs.networks[0].structure] if outputs.networks else [])
    gallery.telling = cases.pop(0) if cases else None
    return gallery


def load_network(cell: Cell, folder: Folder, probe: Probe, data: Dataset, names: Names) -> Network:
    """Load a cell's first seed.

    Raises:
        ProbekitError: It is not stored as it should be, or its plugin is not installed. A plugin may raise
            anything else.
    """
    import torch

    result = folder.read_result()
    names.refuse_files(result.plan.structure)
    scores = folder.read_tensors(SCORES, result)[0][probe.metrics[0].name]
    if scores.shape != (len(data),) or not scores.is_floating_point():
        message = f"its scores are {tuple(scores.shape)} of {scores.dtype}, not one per test item"
        raise StoreError(f"reading {folder.path}", message)
    weights = together(*folder.read_tensors(WEIGHTS, result))
    expression = resolve(result.plan.structure, probe.structure, names.registry)
    stored = sum(value.numel() for value in weights.values() if isinstance(value, torch.Tensor))
    if (needed := count(expression, probe.shape, result.plan.width)) > stored:
        message = f"it would have {needed:,} parameters, and {stored:,} are stored"
        raise StoreError(f"reading {folder.path}", message)
    model = trained(expression, probe.shape, result.plan, weights)
    return Network(cell.structure, model, scores)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Outputs of networks on the chosen items.

    Attributes:
        networks: The networks that answer as they did when they were scored.
        common: Titles and indices of the items that all networks share.
        positions: Positions of the items in the tensors below, by index.
        inputs: (items, channels, *size).
        targets: (items, channels, *size).
        answers: What is drawn of the outputs, by structure.
        metric: The headline metric.
    """

    networks: list[Network]
    common: list[tuple[str, int]]
    positions: dict[int, int]
    inputs: Tensor
    targets: Tensor
    answers: dict[str, Tensor]
    metric: Metric

    def make_case(self, title: str, index: int, networks: Sequence[Network]) -> Case:
        """Draw an item: its input, its truth, and the output and error of each network."""
        position = self.positions[index]
        low, high = float(self.targets.min()), float(self.targets.max())
        truth = self.targets[position]
        panels = [
            Panel(panel(self.inputs[position]), "input", f"Input of test item {index}"),
            Panel(panel(truth, low, high), "truth", f"Truth of test item {index}"),
        ]
        single = len(networks) == 1
        for network in networks:
            name, answer = network.structure, self.answers[network.structure][position]
            score = f"{self.metric.name} {number(float(network.scores[index]))}"
            panels += [
                Panel(
                    panel(answer, low, high),
                    f"prediction, {score}" if single else f"{name}, {score}",
                    f"Prediction of {name} on test item {index}, {score}",
                ),
                Panel(
                    deviation(answer - truth, high - low), "error", f"Error of {name} on test item {index}"
                ),
            ]
        step = 1 if single else 2
        groups = (tuple(panels[start : start + step]) for start in range(0, len(panels), step))
        return Case(f"{title}, test item {index}", tuple(groups))


def run_networks(
    networks: Sequence[Network], probe: Probe, data: Dataset, metric: Metric, notes: list[str]
) -> Outputs:
    """Choose items and run the networks on them; leave out one that does not repeat its stored scores."""
    import torch

    common = choose_common(networks, metric) if len(networks) > 1 else []
    single = {index for network in networks for _, index in chosen(network.scores, metric)}
    indices = sorted({index for _, index in common} | single)
    inputs, targets = batch(data, indices or [0])
    answers: dict[str, Tensor] = {}
    for network in networks:
        with torch.no_grad():
            output = network.model(inputs.clone()).float()
        scores = metric.score(output, targets, inputs).float()
        if torch.allclose(scores, network.scores[indices].float(), rtol=TOLERANCE, atol=1e-4, equal_nan=True):
            answers[network.structure] = drawn(probe, output, targets)
        else:
            notes.append(f"{network.structure} is not drawn: its outputs are not those that were scored.")
    answering = [network for network in networks if network.structure in answers]
    positions = {index: position for position, index in enumerate(indices)}
    return Outputs(answering, common, positions, inputs, targets, answers, metric)


def choose_common(networks: Sequence[Network], metric: Metric) -> list[tuple[str, int]]:
    """Choose the item on which networks differ most, and those with the worst, median and best mean score."""
    import torch

    scores = torch.stack([network.scores.double() for network in networks])
    spread = (scores.amax(0) - scores.amin(0)).nan_to_num(-1.0)
    by_mean = [(title, index) for title, index in chosen(scores.mean(0), metric) if title != "second worst"]
    titles = {int(spread.argmax()): "greatest difference"}
    for title, index in by_mean:
        titles.setdefault(index, f"{title} on average")
    return [(title, index) for index, title in titles.items()]


def stored_cases(structure: str, folder: Folder) -> list[Case]:
    """Return the picture that was drawn when the run was scored, if it is intact."""
    try:
        content = folder.read(CASES, folder.read_result())
    except StoreError:
        return []
    if not content.startswith(PNG):
        return []
    alt = f"Input, truth, prediction and error of {structure} on its worst, median and best test items"
    return [Case("As drawn when it was scored", ((Panel(png_address(content), "", alt),),))]
