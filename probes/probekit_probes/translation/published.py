"""The published rows of Courtois et al. 2022, table 2, and what section 5.2 concludes from them."""

from __future__ import annotations

from probekit.interfaces import Claim, Published
from probekit_probes.claims import Rows, highest, lowest

POINT = 0.01
PERFECT = 0.9995
"""The least that is printed as 100.0 %."""
FAILED = 0.25
"""The least test IOU at which the rows' train and test scores are compared."""
SUMS = ("Cosine + Sum + QKV", "Cosine + Sum + QV")
DECORS = ("Cosine + Decor.", "Fourier + Decor.")
WINDOWS = ("Lambda (R = 7)", "Lambda (R = 19)")
OTHERS = (*SUMS, "CoordConv", *WINDOWS)


def row(
    name: str, encoding: str, parameters: int, train: float, test: float, quick: str | None = None
) -> Published:
    """Return a row; `quick` is the encoding at the quick scale where the published one does not fit.

    At half the width a head has half the keys, so that under Decor. A stays the identity.
    """
    host = "plain(norm=false)+lambda(heads=8,keys={})+"
    scores = {"train/iou": train, "iou": test}
    instead = {"quick": host.format(8) + (quick or encoding)}
    return Published("table2", name, host.format(16) + encoding, parameters, scores, 128, instead=instead)


ROWS = (
    row("Cosine + Sum + QKV", "cosine(mix=sum-qkv)", 182_018, 0.9870, 0.2471),
    row("Cosine + Sum + QV", "cosine(mix=sum-qv)", 182_018, 0.9867, 0.3566),
    row("Cosine + Decor.", "cosine(mix=decor)", 182_018, 0.8478, 0.8479),
    row("Fourier + Decor.", "pe", 182_018, 1.0, 1.0),
    row("CoordConv", "coordconv", 184_066, 0.8071, 0.5616),
    row("Lambda (R = 7)", "local(window=7)", 182_818, 0.1111, 0.1111, "local(window=3)"),
    row("Lambda (R = 19)", "local(window=19)", 187_810, 0.1950, 0.1481, "local(window=9)"),
)


def drop(rows: Rows, name: str) -> float:
    """Return by how much a row's IOU falls from train to test."""
    return rows[name]["train/iou"] - rows[name]["iou"]


def fails_or_drops(rows: Rows, name: str) -> float:
    """Return by how much a row lies below 25 % IOU, or its two scores over a point apart: the larger."""
    return max(FAILED - rows[name]["iou"], abs(drop(rows, name)) - POINT)


CLAIMS = (
    Claim(
        "table2",
        "Summed encodings leak the absolute position: test IOU falls more than a point short of training.",
        lambda rows: min(drop(rows, name) for name in SUMS) - POINT,
    ),
    Claim(
        "table2",
        "So does CoordConv.",
        lambda rows: drop(rows, "CoordConv") - POINT,
    ),
    Claim(
        "table2",
        "With Decor., train and test IOU are within a point.",
        lambda rows: POINT - max(abs(drop(rows, name)) for name in DECORS),
    ),
    Claim(
        "table2",
        "Of the rows above 25 % test IOU, no other has train and test within a point.",
        lambda rows: min(fails_or_drops(rows, name) for name in OTHERS),
    ),
    Claim(
        "table2",
        "Decor. beats every other way to encode positions.",
        lambda rows: lowest(rows, "iou", DECORS) - highest(rows, "iou", OTHERS),
    ),
    Claim(
        "table2",
        "Under Decor., Fourier frequencies beat those of the cosine encoding.",
        lambda rows: rows["Fourier + Decor."]["iou"] - rows["Cosine + Decor."]["iou"],
    ),
    Claim(
        "table2",
        "Fourier with Decor. is perfect.",
        lambda rows: rows["Fourier + Decor."]["iou"] - PERFECT,
    ),
)
