"""The published rows of Courtois et al. 2022, table 3, and what section 5.3 concludes from them.

The paper's masks are independent (grouping(iid_mask=true)), which costs a perfect solver a tenth of a point;
its rows are put to the probe without that ambiguity.
"""

from __future__ import annotations

from probekit.interfaces import Claim, Published
from probekit_probes.claims import Rows, highest, lowest

POINT, FAR, CLOSE = 0.01, 0.10, 0.99
ATTENTION = ("Transformer", "Nyströmformer-32", "Linformer-32")
LAMBDAS = ("Lambda", "Lambda + TT")
GROUPING = (*ATTENTION, *LAMBDAS)


def row(name: str, layer: str, parameters: int, test: float, quick: str | None = None) -> Published:
    """Return a row; `quick` is the layer at the quick scale, which has half as many positions."""
    host = "plain(depth=3)+"
    instead = {} if quick is None else {"quick": host + quick}
    return Published("table3", name, host + layer, parameters, {"accuracy": test}, width=256, instead=instead)


ROWS = (
    row("Transformer", "transformer", 2_373_379, 0.9987),
    row("MLP-Mixer", "mixer", 1_979_011, 0.6977),
    row("Nyströmformer-32", "nystrom(landmarks=32)", 2_176_003, 0.9966, "nystrom(landmarks=16)"),
    row("Linformer-32", "linformer(rank=32)", 2_208_771, 0.9915, "linformer(rank=16)"),
    row("Reformer-32", "reformer(bucket=32)", 2_176_003, 0.7759, "reformer(bucket=16)"),
    row("Lambda", "lambda(heads=8,keys=32)", 2_175_235, 0.9952),
    row("Lambda + TT", "lambda-tt(bias=true,heads=8,keys=32)", 2_569_987, 0.9985),
)


def shortfall(rows: Rows, name: str) -> float:
    """Return by how much more than ten points a row stays below all that group."""
    return lowest(rows, "accuracy", GROUPING) - rows[name]["accuracy"] - FAR


CLAIMS = (
    Claim(
        "table3",
        "Self-attention and its approximations Nyströmformer and Linformer are on par: within a point.",
        lambda rows: POINT - (highest(rows, "accuracy", ATTENTION) - lowest(rows, "accuracy", ATTENTION)),
    ),
    Claim(
        "table3",
        "They and both Lambda layers come close to the ceiling: above 99 %.",
        lambda rows: lowest(rows, "accuracy", GROUPING) - CLOSE,
    ),
    Claim(
        "table3",
        "MLP-Mixer fails: more than ten points below all of these.",
        lambda rows: shortfall(rows, "MLP-Mixer"),
    ),
    Claim(
        "table3",
        "So does Reformer.",
        lambda rows: shortfall(rows, "Reformer-32"),
    ),
    Claim(
        "table3",
        "The Transformer is the best.",
        lambda rows: (
            rows["Transformer"]["accuracy"]
            - highest(rows, "accuracy", (*ATTENTION[1:], *LAMBDAS, "MLP-Mixer", "Reformer-32"))
        ),
    ),
    Claim(
        "table3",
        "Lambda + TT is the best of the others.",
        lambda rows: (
            rows["Lambda + TT"]["accuracy"]
            - highest(rows, "accuracy", (*ATTENTION[1:], "Lambda", "MLP-Mixer", "Reformer-32"))
        ),
    ),
    Claim(
        "table3",
        "Iterating the Lambda layer (TT) improves it on this task.",
        lambda rows: rows["Lambda + TT"]["accuracy"] - rows["Lambda"]["accuracy"],
    ),
)
