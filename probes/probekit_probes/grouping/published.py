"""Table 3 of Courtois et al. 2022, and the conclusions of its section 5.3.

The paper's masks are independent (grouping(iid_mask=true)), which costs a perfect solver a tenth of a point.
The rows here run on the probe without that ambiguity.
"""

from __future__ import annotations

from probekit.plugin.interfaces import Claim, Published
from probekit_probes.claims import Rows, highest_score, lowest_score

POINT, FAR, CLOSE = 0.01, 0.10, 0.99
ATTENTION = ("Transformer", "Nyströmformer-32", "Linformer-32")
LAMBDAS = ("Lambda", "Lambda + TT")
GROUPING = (*ATTENTION, *LAMBDAS)


def make_table3_row(name: str, layer: str, parameters: int, test: float) -> Published:
    """Return a row of table 3.

    Args:
        name: the row's name, as printed.
        layer: the layer at the paper's scale.
        parameters: number of parameters, as printed.
        test: accuracy on the test set.
    """
    return Published("table3", name, f"plain(depth=3)+{layer}", parameters, {"accuracy": test}, width=256)


ROWS = (
    make_table3_row("Transformer", "transformer", 2_373_379, 0.9987),
    make_table3_row("MLP-Mixer", "mixer", 1_979_011, 0.6977),
    make_table3_row("Nyströmformer-32", "nystrom(landmarks=32)", 2_176_003, 0.9966),
    make_table3_row("Linformer-32", "linformer(rank=32)", 2_208_771, 0.9915),
    make_table3_row("Reformer-32", "reformer(bucket=32)", 2_176_003, 0.7759),
    make_table3_row("Lambda", "lambda(heads=8,keys=32)", 2_175_235, 0.9952),
    make_table3_row("Lambda + TT", "lambda-tt(bias=true,heads=8,keys=32)", 2_569_987, 0.9985),
)


def grouping_shortfall(rows: Rows, name: str) -> float:
    """Return how far, beyond ten points, a row is below every row that groups."""
    return lowest_score(rows, "accuracy", GROUPING) - rows[name]["accuracy"] - FAR


CLAIMS = (
    Claim(
        "table3",
        "Self-attention and its approximations Nyströmformer and Linformer are on par: within a point.",
        lambda rows: (
            POINT - (highest_score(rows, "accuracy", ATTENTION) - lowest_score(rows, "accuracy", ATTENTION))
        ),
    ),
    Claim(
        "table3",
        "They and both Lambda layers come close to the ceiling: above 99 %.",
        lambda rows: lowest_score(rows, "accuracy", GROUPING) - CLOSE,
    ),
    Claim(
        "table3",
        "MLP-Mixer fails: more than ten points below all of these.",
        lambda rows: grouping_shortfall(rows, "MLP-Mixer"),
    ),
    Claim(
        "table3",
        "So does Reformer.",
        lambda rows: grouping_shortfall(rows, "Reformer-32"),
    ),
    Claim(
        "table3",
        "The Transformer is the best.",
        lambda rows: (
            rows["Transformer"]["accuracy"]
            - highest_score(rows, "accuracy", (*ATTENTION[1:], *LAMBDAS, "MLP-Mixer", "Reformer-32"))
        ),
    ),
    Claim(
        "table3",
        "Lambda + TT is the best of the others.",
        lambda rows: (
            rows["Lambda + TT"]["accuracy"]
            - highest_score(rows, "accuracy", (*ATTENTION[1:], "Lambda", "MLP-Mixer", "Reformer-32"))
        ),
    ),
    Claim(
        "table3",
        "Iterating the Lambda layer (TT) improves it on this task.",
        lambda rows: rows["Lambda + TT"]["accuracy"] - rows["Lambda"]["accuracy"],
    ),
)
