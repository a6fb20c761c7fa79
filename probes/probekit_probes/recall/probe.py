"""The recall probe: which value belongs to each key?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin import masked
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.noise import attach_noise
from probekit_probes.recall import controls
from probekit_probes.recall.oracle import solve_pairs
from probekit_probes.recall.pairs import Design
from probekit_probes.sequences import (
    RECIPE,
    SequenceProbe,
    build_causal_window,
    decode_tokens,
)
from probekit_probes.shipped_certificates import ShippedCertificates

MAX_TOKENS = 250
"""Greatest number of tokens: a token is stored as one byte."""


class Recall(SequenceProbe):
    """Predict the value that each key was paired with.

    Inputs: float32 one-hot tokens (1 + keys + values, length): distinct keys, each followed by a value, then
    every key once more among blanks. Targets: float32 (values, length), the value of the key at each query,
    zero elsewhere.

    Test sequences have 2 to `pairs` pairs, as in training, and the metrics count those with `pairs`: a
    memory of one pair knows half of two. Harder ones have up to twice as many.

    Source: multi-query associative recall, Arora et al., "Zoology", 2023, with separate tokens for blanks,
    keys and values, so that no position gives an answer away.

    Args:
        pairs: greatest number of pairs in training.
        keys: number of different keys.
        values: number of different values.
        easy: ask for each key directly behind its pair. Everything else stays the same, so a structure that
            fails here too does not fail because of memory.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.

    Raises:
        UsageError: if there are too few keys or too many tokens.
    """

    property = "recall"
    version = 2
    structure = "plain(depth=2, causal=true, conv=4)"
    solved_by: Mapping[str, str] = {"* look-up*": "a look-up is recall"}
    harder = "sequences of up to twice as many pairs"
    golden: Mapping[int, str] = {2: "a376c6d939f0ff10"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("recall")
    scales: Mapping[str, Scale] = attach_noise(
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
                {"pairs": 8, "keys": 32, "values": 32, "train": 96_000, "validation": 2_000, "test": 2_000},
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
        easy: bool = False,
        train: PositiveInt = 96_000,
        validation: PositiveInt = 2_000,
        test: PositiveInt = 2_000,
    ) -> None:
        if keys < 2 * pairs or 1 + keys + values > MAX_TOKENS:
            reason = f"harder sequences have {2 * pairs} keys, and one byte holds at most {MAX_TOKENS} tokens"
            raise UsageError(
                f"recall(pairs={pairs}, keys={keys}, values={values})", reason, f"Type keys={2 * pairs}."
            )
        self.keys, self.values = keys, values
        design = Design(2, pairs, keys, values, 6 * pairs, easy)
        harder = Design(pairs + 1, 2 * pairs, keys, values, 6 * pairs, easy)
        self.set_splits(design, harder, train, validation, test)
        self.count_longest(
            "pairs",
            pairs,
            self.count_pairs,
            answers="answers",
            chance=1 / values,
            edges=(2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 65),
        )

    def count_pairs(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the number of pairs in each sequence, (batch,) float32."""
        return (decode_tokens(inputs) > self.keys).sum(1).float()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, values, length)."""
        return solve_pairs(inputs, self.keys, self.values)[0]

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove a sequence to have one answer, (batch,) bool each."""
        _, is_query, pair_counts = solve_pairs(inputs, self.keys, self.values)
        return {
            "each key in a query has one value": (pair_counts == is_query.long()).all(1),
            "at least one query": is_query.any(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the sequences, (batch,) each."""
        return {
            "pairs": self.count_pairs(inputs, targets),
            "queries": masked.query_mask(targets).sum(1).to(torch.float32),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {
            "a value that occurs": controls.FirstValue(self.keys, self.values),
            "most frequent value": controls.MostFrequentValue(self.keys, self.values),
            "first two pairs": controls.FirstPairs(2, self.keys, self.values),
            "window": build_causal_window,
        }
