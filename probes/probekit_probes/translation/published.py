"""Table 2 of Courtois et al. 2022, and the conclusions of its section 5.2."""

from __future__ import annotations

from probekit.plugin.interfaces import Claim, Published
from probekit_probes.claims import Rows, highest_score, lowest_score

POINT = 0.01
PERFECT = 0.9995
"""The lowest score printed as 100.0 %."""
FAILED = 0.25
"""Rows with a lower test IOU have failed: their train and test scores are not compared."""
SUMS = ("Cosine + Sum + QKV", "Cosine + Sum + QV")
DECORS = ("Cosine + Decor.", "Fourier + Decor.")
WINDOWS = ("Lambda (R = 7)", "Lambda (R = 19)")
OTHERS = (*SUMS, "CoordConv", *WINDOWS)


def make_table2_row(
    name: str, encoding: str, parameters: int, train: float, test: float, quick: str | None = None
) -> Published:
    """Return a row of table 2.

    Args:
        name: the row's name, as printed.
        encoding: the encoding of the Lambda layer.
        parameters: number of parameters, as printed.
        train: IOU on the training set.
        test: IOU on the test set.
        quick: the encoding at the quick scale, if the published one does not fit there.
    """
    # At half the width a head has half the keys, so that A of Decor. stays the identity.
    host = "plain(norm=false)+lambda(heads=8,keys={})+"
    scores = {"train/iou": train, "iou": test}
    fallback = {"quick": host.format(8) + (quick or encoding)}
    return Published("table2", name, host.format(16) + encoding, parameters, scores, 128, fallback=fallback)


ROWS = (
    make_table2_row("Cosine + Sum + QKV", "cosine(mix=sum-qkv)", 182_018, 0.9870, 0.2471),
    make_table2_row("Cosine + Sum + QV", "cosine(mix=sum-qv)", 182_018, 0.9867, 0.3566),
    make_table2_row("Cosine + Decor.", "cosine(mix=decor)", 182_018, 0.8478, 0.8479),
    make_table2_row("Fourier + Decor.", "pe", 182_018, 1.0, 1.0),
    make_table2_row("CoordConv", "coordconv", 184_066, 0.8071, 0.5616),
    make_table2_row("Lambda (R = 7)", "local(window=7)", 182_818, 0.1111, 0.1111, "local(window=3)"),
    make_table2_row("Lambda (R = 19)", "local(window=19)", 187_810, 0.1950, 0.1481, "local(window=9)"),
)


def iou_drop(rows: Rows, name: str) -> float:
    """Return the drop of a row's IOU from train to test."""
    return rows[name]["train/iou"] - rows[name]["iou"]


def failure_margin(rows: Rows, name: str) -> float:
    """Return the larger of two margins: IOU below 25 %, or train and test more than a point apart."""
    return max(FAILED - rows[name]["iou"], abs(iou_drop(rows, name)) - POINT)


CLAIMS = (
    Claim(
        "table2",
        "Summed encodings leak the absolute position: test IOU falls more than a point short of training.",
        lambda rows: min(iou_drop(rows, name) for name in SUMS) - POINT,
    ),
    Claim(
        "table2",
        "So does CoordConv.",
        lambda rows: iou_drop(rows, "CoordConv") - POINT,
    ),
    Claim(
        "table2",
        "With Decor., train and test IOU are within a point.",
        lambda rows: POINT - max(abs(iou_drop(rows, name)) for name in DECORS),
    ),
    Claim(
        "table2",
        "Of the rows above 25 % test IOU, no other has train and test within a point.",
        lambda rows: min(failure_margin(rows, name) for name in OTHERS),
    ),
    Claim(
        "table2",
        "Decor. beats every other way to encode positions.",
        lambda rows: lowest_score(rows, "iou", DECORS) - highest_score(rows, "iou", OTHERS),
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
