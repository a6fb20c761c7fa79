"""Is `unspread` a sign of nonlocality or of silence? Compare it between structures at equal `wrong_level`.

usage: python examples/unspread.py STORE [PREFIX of the folders]

A network that says the same everywhere is perfectly even and perfectly wrong, so evenness alone proves
nothing. Here the test rectangles of each stored run are sorted by the error of their mean prediction, and
within each class the root mean square deviation of the prediction inside a rectangle is printed: structures
are compared on rectangles that they know equally well.
"""

from __future__ import annotations

import itertools
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean, stdev

import torch

from probekit.catalog.expression import resolve_expression
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.runs.engine import WEIGHTS
from probekit.runs.network import build_network
from probekit.storage.folder import Folder
from probekit_probes.nonlocality.metrics import is_in_pieces, split_error

EDGES = (0.0, 0.01, 0.02, 0.04, 0.08, 1.0)
CPU = torch.device("cpu")


def rectangles(folder: Folder) -> tuple[str, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a run's structure and, a number a test rectangle, error of its mean, variance, cut in pieces."""
    plan = folder.read_result().plan
    probe = resolve_part("probe", parse_term(plan.probe), registry()).make()
    expression = resolve_expression(plan.structure, probe.structure, registry())
    model = build_network(expression, probe.shape, plan, CPU)
    model.load_state_dict(folder.read_tensors(WEIGHTS)[0])
    model.eval()
    data = probe.data("test", plan.seed)
    found = []
    with torch.inference_mode():
        for start in range(0, len(data), 128):
            items = data.__getitems__(range(start, min(start + 128, len(data))))
            inputs, targets = (torch.stack(column) for column in zip(*items, strict=True))
            wrong, spread, pixels = split_error(model(inputs), targets, inputs)
            shown = pixels > 0
            found.append([wrong[shown].sqrt(), spread[shown], is_in_pieces(inputs)[shown]])
    wrong, spread, cut = (torch.cat(column) for column in zip(*found, strict=True))
    asked = plan.spec.structure + (" (ambiguous)" if "ambiguous=true" in plan.probe else "")
    return asked, wrong, spread, cut


def row(name: str, runs: list[list[float]]) -> str:
    """Return one structure's line: mean over seeds, and the standard deviation between them."""
    cells = []
    for values in zip(*runs, strict=True):
        spread = f" ±{stdev(values):.4f}" if len(values) > 1 else ""
        cells.append(f"{mean(values):.4f}{spread}")
    return f"| {name} | {len(runs)} | " + " | ".join(cells) + " |"


def main() -> None:
    torch.set_num_threads(1)
    root, prefix = Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "nonlocality"
    runs: dict[str, list[list[float]]] = defaultdict(list)
    for path in sorted(root.glob(f"{prefix}*")):
        if not (path / "result.json").is_file():
            continue
        name, wrong, spread, cut = rectangles(Folder(path))
        among = [spread[(wrong >= low) & (wrong < high)] for low, high in itertools.pairwise(EDGES)]
        among += [spread[cut], wrong**2, spread]
        runs[name].append([float(values.mean().sqrt()) for values in among])
    classes = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(EDGES)]
    heads = ["structure", "seeds", *classes, "in pieces", "all: error of mean", "all: deviation"]
    print("Root mean square deviation within a rectangle, by the error of the rectangle's mean:\n")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    for name, found in runs.items():
        print(row(name, found))


if __name__ == "__main__":
    main()
