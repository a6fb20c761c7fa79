"""Table 1 of Courtois et al. 2022, and the conclusions of its sections 5.1.2 to 5.3."""

from __future__ import annotations

from probekit.plugin.interfaces import Claim, Published, Value
from probekit_probes.claims import highest_score, lowest_score

FOUR = 3.5
"""The lowest factor that rounds to four: the paper's table has 3.7 in delta, 3.4 in Ord, 2.5 in the loss."""
METRICS = ("loss", "gap", "ord", "delta", "rmse")
SIMPLER = ("Baseline", "Global Context", "Global Average Pooling", "Deformable")
LAMBDAS = ("Lambda", "Lambda + PE", "Lambda + PE + TT")


def make_table1_row(
    name: str, structure: str, width: int, parameters: int, percents: str, **probe: Value
) -> Published:
    """Return a row of table 1.

    Args:
        name: the row's name, as printed.
        structure: the structure.
        width: the width.
        parameters: number of parameters, as printed.
        percents: scores in the order of METRICS, as printed (times 100); "-" for none.
        **probe: parameters of the probe besides those of the scale.
    """
    cells = zip(METRICS, percents.split(), strict=True)
    scores = {metric: float(cell) / 100 for metric, cell in cells if cell != "-"}
    return Published("table1", name, structure, parameters, scores, width=width, probe=probe)


ROWS = (
    make_table1_row("Baseline*", "unet", 48, 871_729, "1.78 - 6.03 7.36 4.91", ambiguous=True),
    make_table1_row("Baseline", "unet", 48, 871_729, "0.72 0.36 1.79 1.98 1.95"),
    make_table1_row("Global Context", "unet+global-context", 42, 864_477, "0.54 0.32 1.09 1.39 1.49"),
    make_table1_row("Global Average Pooling", "unet+average", 43, 883_049, "0.60 0.31 1.47 1.51 1.71"),
    make_table1_row("Deformable", "unet+deformable", 21, 864_844, "0.94 0.54 2.43 2.83 2.44"),
    make_table1_row("Lambda", "unet+lambda", 40, 871_945, "0.28 0.14 0.47 0.64 0.82"),
    make_table1_row("Lambda + PE", "unet+lambda+pe", 40, 871_945, "0.25 0.15 0.50 0.58 0.77"),
    make_table1_row("Lambda + PE + TT", "unet+lambda-tt+pe", 40, 928_969, "0.28 0.18 0.59 0.65 0.85"),
)

CLAIMS = (
    Claim(
        "table1",
        "Trained without ambiguous images the baseline is about four times better (delta; at least 3.5).",
        lambda rows: rows["Baseline*"]["delta"] / rows["Baseline"]["delta"] - FOUR,
    ),
    Claim(
        "table1",
        "The baseline trained on ambiguous images is the worst of all in test loss.",
        lambda rows: rows["Baseline*"]["loss"] - highest_score(rows, "loss", (*SIMPLER, *LAMBDAS)),
    ),
    Claim(
        "table1",
        "Of the others the deformable convolutions are the worst in test loss.",
        lambda rows: (
            rows["Deformable"]["loss"]
            - highest_score(rows, "loss", ("Baseline", "Global Context", "Global Average Pooling", *LAMBDAS))
        ),
    ),
    Claim(
        "table1",
        "Even the simplest nonlocal layer, average pooling, improves on the baseline's test loss.",
        lambda rows: rows["Baseline"]["loss"] - rows["Global Average Pooling"]["loss"],
    ),
    Claim(
        "table1",
        "The more sophisticated the nonlocal layer, the better: Lambda, Global Context, average pooling.",
        lambda rows: min(
            rows["Global Average Pooling"]["loss"] - rows["Global Context"]["loss"],
            rows["Global Context"]["loss"] - highest_score(rows, "loss", LAMBDAS),
        ),
    ),
    Claim(
        "table1",
        "Lambda is the best of the layers first compared in most of the five metrics (metrics over half).",
        lambda rows: (
            sum(rows["Lambda"][metric] < lowest_score(rows, metric, SIMPLER) for metric in METRICS)
            - len(METRICS) / 2
        ),
    ),
    Claim(
        "table1",
        "A translation covariant encoding (PE) improves Lambda's test loss, moderately.",
        lambda rows: rows["Lambda"]["loss"] - rows["Lambda + PE"]["loss"],
    ),
    Claim(
        "table1",
        "Iterating the Lambda layer (TT) does not help on this task.",
        lambda rows: rows["Lambda + PE + TT"]["loss"] - rows["Lambda + PE"]["loss"],
    ),
)
