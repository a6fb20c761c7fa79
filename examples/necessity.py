"""Take a property out of a network that has it, step by step, and draw the score beside a closed form.

python examples/necessity.py STORE examples/results/necessity

Run it in the folder that contains `examples`. It writes a figure and a table. Attention is cut to a band of
positions; a recurrent unit clears its state every few positions. The closed form is the best answer from the
positions that still reach an answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor
from torch.nn import functional

import probekit
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plugin.interfaces import Probe
from probekit.storage.store import Store

SEEDS = (0,)


def look_up_colours(inputs: Tensor, reach: int) -> Tensor:
    """Answer with the code of the same colour within reach, else with the most frequent code within reach."""
    colours, codes = inputs[:, :3].mT, inputs[:, 3:]
    same = (colours[:, :, None] == colours[:, None]).all(3)
    place = torch.arange(inputs.shape[2])
    near = ((place[:, None] - place).abs() <= reach).float()
    return 1000 * codes @ (same * near) + codes @ near


def look_up_keys(inputs: Tensor, reach: int, keys: int) -> Tensor:
    """Answer with the value of the same key within reach, else with the most frequent value within reach."""
    names, values = inputs[:, 1 : 1 + keys], inputs[:, 1 + keys :]
    following = functional.pad(values[..., 1:], (0, 1))  # the value behind each key
    place = torch.arange(inputs.shape[2])
    distance = place[:, None] - place  # from the query back
    near = ((distance >= 0) & (distance <= reach)).float()
    same = names.mT @ names * near * (distance > 0)
    return 1000 * following @ same.mT + values @ near.mT


def count_ones(inputs: Tensor, block: int) -> Tensor:
    """Answer with the parity of all bits so far where all of them are in reach, else with zero.

    The second layer sees its own block, and, by its convolution, the last states of the block before, which
    the first layer has read from three positions before its beginning.
    """
    parities = inputs[:, 2].cumsum(1).remainder(2)
    place = torch.arange(inputs.shape[2])
    in_reach = (place // block - 1) * block - 3 <= 0
    odd = parities * in_reach
    return torch.stack([1 - odd, odd], 1)


@dataclass(frozen=True)
class Study:
    """One probe, the layer that loses the property, and how.

    Attributes:
        probe: The probe as typed.
        layer: The layer and its parameter.
        strengths: Values of the parameter.
        axis: What the parameter is.
        reach: From the parameter to what the closed form needs.
        solve: The closed form, `solve(inputs, reach)`.
    """

    probe: str
    layer: str
    strengths: Sequence[int]
    axis: str
    reach: Callable[[int], int]
    solve: Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class Row:
    """The scores at one strength: of each seed, and of the closed form."""

    strength: int
    scores: list[float]
    closed_form: float


Table = tuple[Study, list[Row], float]
"""A study, its rows, and the floor."""

KEYS = 16
STUDIES = (
    Study(
        f"recall(pairs=4,keys={KEYS},values=16,train=16000,validation=200,test=1000)",
        "Band(radius={})",
        (0, 2, 4, 6, 8, 24),
        "positions that attention reaches back",
        lambda radius: 2 * (radius + 3),  # two layers, each with a convolution of four positions
        lambda inputs, reach: look_up_keys(inputs, reach, KEYS),
    ),
    Study(
        "grouping(size=64,colours=5,paired=false,train=12000,validation=200,test=1000)",
        "Band(radius={})",
        (0, 1, 2, 3, 5),
        "positions that attention reaches to each side",
        lambda radius: 3 * radius,  # three layers
        look_up_colours,
    ),
    Study(
        "parity(moves=32,train=24000,validation=200,test=1000)",
        "Reset(every={})",
        (1, 2, 4, 8, 16),
        "positions between two resets of the state",
        lambda every: every,
        count_ones,
    ),
)


def score_closed_form(study: Study, strength: int) -> float:
    """Return the headline score of the closed form on the test items."""
    probe: Probe = resolve_part("probe", parse_term(study.probe), registry()).make()
    inputs, targets = probe.data("test", 0).batch(range(1000))  # type: ignore[attr-defined]
    answers = study.solve(inputs, study.reach(strength))
    return float(probe.metrics[0].score(answers, targets, inputs).nanmean())


def measure(study: Study, store: Store) -> Table:
    """Return the rows of a study, trained or from the store, and the floor."""
    rows = []
    for strength in study.strengths:
        structure = f"./examples/weakened.py:{study.layer.format(strength)}"
        results = [
            probekit.run(study.probe, structure, scale="quick", seed=seed, store=store.root) for seed in SEEDS
        ]
        metric = next(iter(results[0].metrics))
        scores = [float(result.metrics[metric] or 0) for result in results]
        rows.append(Row(strength, scores, score_closed_form(study, strength)))
        print(study.probe, rows[-1], file=sys.stderr, flush=True)
    return study, rows, float(results[0].floors[metric] or 0)


def draw(tables: Sequence[Table], path: Path) -> None:
    """Draw one panel per study: scores of the networks, of the closed form, and the floor."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(tables), figsize=(4 * len(tables), 3.2), sharey=True)
    for panel, (study, rows, floor) in zip(panels, tables, strict=True):
        places = range(len(rows))
        panel.plot(places, [fmean(row.scores) for row in rows], "o-", label="network")
        panel.plot(places, [row.closed_form for row in rows], "k--", label="best answer in reach")
        panel.axhline(floor, color="tab:red", linewidth=1, label="floor")
        panel.set_xticks(places, [f"{row.strength}" for row in rows])
        panel.set_xlabel(study.axis)
        panel.set_title(parse_term(study.probe).name)
        panel.legend(fontsize=8)
    panels[0].set_ylabel("test score")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def list_lines(tables: Sequence[Table]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "# Without the property, the score falls to what is left in reach"
    yield ""
    yield f"`python examples/necessity.py STORE examples/results/necessity`; torch {torch.__version__}, CPU,"
    yield f"one thread, scale `quick` with the parameters below, seeds {', '.join(map(str, SEEDS))}."
    for study, rows, floor in tables:
        yield ""
        yield f"## {study.probe}, {study.layer.format('r')}"
        yield ""
        yield f"| {study.axis} | network | best answer in reach |"
        yield "|---|---|---|"
        for row in rows:
            scores = ", ".join(f"{score:.3f}" for score in row.scores)
            yield f"| {row.strength} | {scores} | {row.closed_form:.3f} |"
        yield ""
        yield f"The floor is {floor:.3f}."


def main() -> None:
    """Train or load all runs, and write the figure and the table."""
    store, target = Store(sys.argv[1]), Path(sys.argv[2])
    tables = [measure(study, store) for study in STUDIES]
    draw(tables, target.with_suffix(".png"))
    target.with_suffix(".md").write_text("\n".join(list_lines(tables)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
