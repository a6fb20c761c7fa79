"""A gallery shows the outputs of networks: on cases that all share, and on each one's worst and best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from probekit.cards.card import Column
from probekit.cards.formatting import format_score
from probekit.pages.plots import Panel, png_address, render_error, render_panel
from probekit.plugin.errors import StoreError
from probekit.scores.cases import choose_extremes, clear_unscored
from probekit.storage.folder import CASES, ITEMS, SCORES, Folder
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch import Tensor

PNG = b"\x89PNG\r\n\x1a\n"
MAX_NUMBERS = 1 << 24
"""Numbers of stored items, above which they are not drawn."""
FLAT = 3
"""Dimensions of a batch of sequences."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test item: its input, its truth and the outputs; the panels of a group stand together."""

    title: str
    groups: tuple[tuple[Panel, ...], ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """The stored answers of a structure's first seed.

    Attributes:
        structure: The row's label.
        position: Position in the tensors by index of the test item.
        inputs: (items, channels, *size).
        targets: (items, channels, *size).
        answers: (items, channels, *size), as they are drawn.
        scores: Headline score of each test item, (test items,).
        metric: The name of the headline metric.
    """

    structure: str
    position: dict[int, int]
    inputs: Tensor
    targets: Tensor
    answers: Tensor
    scores: Tensor
    metric: str


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


def draw_gallery(column: Column, store: Store) -> Gallery:
    """Draw what the first seed of each structure of a column stored of its answers."""
    gallery, runs = Gallery(), list[Answers]()
    for cell in column.cells:
        if not cell.done:
            continue
        folder = Folder(store.root / cell.done[0].folder)
        try:
            runs.append(read_answers(cell.structure, folder, column.metric))
        except StoreError as error:
            gallery.notes.append(f"No answers of {cell.structure} are drawn: {error.problem}.")
            gallery.single[cell.structure] = stored_cases(cell.structure, folder)
    gallery.flat = any(run.inputs.ndim == FLAT for run in runs)
    common = choose_common(runs, column.better) if len(runs) > 1 else []
    gallery.shared = [make_case(title, index, runs) for title, index in common]
    shown = {index for _, index in common}
    for run in runs:
        picks = [pick for pick in choose_extremes(run.scores, column.better) if pick[1] not in shown]
        cases = [make_case(title, index, [run]) for title, index in picks if index in run.position]
        gallery.single[run.structure] = cases
    cases = gallery.shared or (gallery.single[runs[0].structure] if runs else [])
    gallery.telling = cases.pop(0) if cases else None
    return gallery


def read_answers(structure: str, folder: Folder, metric: str) -> Answers:
    """Read the answers that a run stored.

    Raises:
        StoreError: There are none, or they are not as probekit writes them.
    """
    import torch

    result = folder.read_result()
    if ITEMS not in result.files:
        raise StoreError(f"reading {folder.path}", f"it was stored without {ITEMS}")
    tensors = folder.read_tensors(ITEMS, result)[0]
    scores = folder.read_tensors(SCORES, result)[0][metric]
    try:
        indices = [int(index) for index in tensors["index"].tolist()]
        inputs, targets, answers = (tensors[name].float() for name in ("inputs", "targets", "answers"))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"reading {folder.path}", f"{ITEMS} is not as probekit writes it") from error
    is_sound = (
        targets.shape == answers.shape
        and inputs.ndim > 2
        and targets.ndim in (2, inputs.ndim)  # a pooled answer has no positions
        and all(len(part) == len(indices) for part in (inputs, targets))
        and all(0 <= index < len(scores) for index in indices)
        and all(0 < part.numel() <= MAX_NUMBERS and torch.isfinite(part).all() for part in (inputs, targets))
    )
    if not is_sound:
        raise StoreError(f"reading {folder.path}", f"{ITEMS} is not as probekit writes it")
    positions = {index: position for position, index in enumerate(indices)}
    return Answers(structure, positions, inputs, targets, answers, scores, metric)


def make_case(title: str, index: int, runs: Sequence[Answers]) -> Case:
    """Draw an item: its input, its truth, and the output and error of each network."""
    first = runs[0]
    low, high = float(first.targets.min()), float(first.targets.max())
    truth = first.targets[first.position[index]]
    panels = [
        Panel(render_panel(first.inputs[first.position[index]]), "input", f"Input of test item {index}"),
        Panel(render_panel(truth, low, high), "truth", f"Truth of test item {index}"),
    ]
    is_single = len(runs) == 1
    for run in runs:
        answer = clear_unscored(run.answers[run.position[index]], truth)
        score = f"{run.metric} {format_score(float(run.scores[index]))}"
        label = f"prediction, {score}" if is_single else f"{run.structure}, {score}"
        alt = f"Prediction of {run.structure} on test item {index}, {score}"
        error_alt = f"Error of {run.structure} on test item {index}"
        panels.append(Panel(render_panel(answer, low, high), label, alt))
        panels.append(Panel(render_error(answer - truth, high - low), "error", error_alt))
    step = 1 if is_single else 2
    groups = (tuple(panels[start : start + step]) for start in range(0, len(panels), step))
    return Case(f"{title}, test item {index}", tuple(groups))


def choose_common(runs: Sequence[Answers], better: str) -> list[tuple[str, int]]:
    """Choose from the items that all runs answered.

    Returns:
        The item on which the networks differ most, and those with the worst, median and best mean score.
    """
    import torch

    indices = sorted(set.intersection(*(set(run.position) for run in runs)))
    if not indices:
        return []
    scores = torch.stack([run.scores[indices].double() for run in runs])
    spread = (scores.amax(0) - scores.amin(0)).nan_to_num(-1.0)
    titles = {int(spread.argmax()): "greatest difference"}
    for title, position in choose_extremes(scores.mean(0), better):
        if title != "second worst":
            titles.setdefault(position, f"{title} on average")
    return [(title, indices[position]) for position, title in titles.items()]


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
