"""The recall probe: is what went with a key found again?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit import asked
from probekit.axis import Axis
from probekit.errors import UsageError
from probekit.interfaces import Control, Scale
from probekit_probes.certified import Certified
from probekit_probes.noise import measured
from probekit_probes.recall import controls
from probekit_probes.recall.oracle import read
from probekit_probes.recall.pairs import Design
from probekit_probes.words import RECIPE, Spelt, edges, tokens_of, window

MOST = 250
"""Tokens: a word is kept as bytes."""


class Recall(Spelt):
    """Tell the value that each key was paired with.

    Inputs: float32 one-hot tokens (1 + keys + values, length): distinct keys, each followed by a value, then
    every key once more among blanks. Targets: float32 (values, length), the value of the key where it is
    asked for, zero elsewhere. Test words hold 2 to `pairs` pairs, as many as those of training; the harder
    ones up to twice as many. Source: multi-query associative recall, Arora et al., "Zoology", 2023, with
    three alphabets that share no token, so that no position gives an answer away.

    pairs: the most of a word. keys, values: how many there are. train, validation, test: items; there are as
    many harder ones as of test. Raises UsageError where the tokens do not suffice or are too many.
    """

    property = "recall"
    version = 1
    structure = "plain(depth=2, causal=true, conv=4)"
    harder = "words of up to twice as many pairs"
    golden: Mapping[int, str] = {1: "a376c6d939f0ff10"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("recall")
    scales: Mapping[str, Scale] = measured(
        "recall",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"pairs": 4, "keys": 8, "values": 8, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "two minutes on one core: two to eight pairs of 32 values",
                {"pairs": 8, "keys": 32, "values": 32, "train": 96_000, "validation": 1_000, "test": 1_000},
                RECIPE,
                width=64,
                seconds=120,
            ),
            "large": Scale(
                "a GPU: up to 64 pairs",
                {"pairs": 32, "keys": 100, "values": 100, "train": 500_000, "test": 5_000},
                {**RECIPE, "epochs": 2, "batch": 256},
                width=128,
            ),
        },
    )

    def __init__(
        self,
        *,
        pairs: Annotated[int, Field(ge=2)] = 8,
        keys: Annotated[int, Field(ge=8)] = 32,
        values: Annotated[int, Field(ge=2)] = 32,
        train: PositiveInt = 96_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        if keys < 2 * pairs or 1 + keys + values > MOST:
            found = f"the harder words hold {2 * pairs} different keys, and a byte names {MOST} tokens"
            raise UsageError(
                f"recall(pairs={pairs}, keys={keys}, values={values})", found, f"Type keys={2 * pairs}."
            )
        self.keys, self.values = keys, values
        design = Design(2, pairs, keys, values, 6 * pairs)
        beyond = Design(pairs + 1, 2 * pairs, keys, values, 6 * pairs)
        self.split_into(design, beyond, train, validation, test)
        self.metrics = (asked.accuracy(1 / values), asked.exact())
        bins = edges((2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 65), pairs, 2 * pairs)
        about = "Share of a word's keys that are right, by the number of its pairs"
        self.axis = Axis(
            "pairs", "pairs", about, self.pairs_of, asked.share, "higher", bins, (0.0, 1.0), 0.95
        )

    def pairs_of(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return how many pairs each word holds, (batch,) float32."""
        return (tokens_of(inputs) > self.keys).sum(1).float()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, values, length)."""
        return read(inputs, self.keys, self.values)[0]

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which words have one answer, (batch,) bool for each rule."""
        _, asks, paired = read(inputs, self.keys, self.values)
        return {
            "each key asked for has one value": (paired[:, :] == asks.long()).all(1),
            "something is asked": asks.any(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what words contain, (batch,) numbers each."""
        return {
            "pairs": self.pairs_of(inputs, targets),
            "asked": asked.asked(targets).sum(1).to(torch.float32),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"a value that occurs": controls.AValue(self.keys, self.values), "window": window}
