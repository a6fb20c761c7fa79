"""The selective-copying probe: are the marked tokens remembered in their order?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.copying.controls import FirstToken, FirstTokens, MostFrequentToken, TokensByPlace
from probekit_probes.copying.oracle import solve_copying
from probekit_probes.copying.tokens import Design
from probekit_probes.noise import attach_noise
from probekit_probes.sequences import (
    RECIPE,
    SequenceProbe,
    build_causal_window,
)
from probekit_probes.shipped_certificates import ShippedCertificates

MAX_VALUES = 250
"""Greatest number of values: a token is stored as one byte."""


class SelectiveCopying(SequenceProbe):
    """Repeat the marked tokens among noise, in their order.

    Inputs: float32 one-hot tokens (2 + values, noise + 2 tokens): noise with marked tokens at random
    positions, then "go" as many times as there can be marked tokens. Targets: float32 (values, length), the
    first token at the first go and so on, zero elsewhere.

    Sequences of training and test have half of `tokens` to `tokens` marked tokens, and the metrics count
    those with `tokens`: a memory of two tokens knows half of four. Harder ones have up to twice as many. The
    distances between tokens differ much, so that the place of a token tells little of which one it is. A
    solver that knows which tokens occur, but not their order, gets 1/k + (1 - 1/k)/V of k tokens of V values.

    Source: Gu and Dao, "Mamba", 2023, section 4.1.1, after Jing et al. 2019, with uneven distances.

    Args:
        tokens: greatest number of marked tokens in training.
        values: number of different marked tokens.
        noise: number of positions before the first go.
        easy: put the marked tokens side by side, each at the same distance from its go. Everything else stays
            the same, so a structure that fails here too does not fail because of the selection.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.

    Raises:
        UsageError: if the harder sequences have too few positions, or there are too many values.
    """

    property = "selective memory"
    version = 2
    structure = "plain(depth=2, causal=true, conv=4)"
    harder = "sequences of up to twice as many tokens"
    golden: Mapping[int, str] = {2: "f45c2805810f07cc"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("selective-copying")
    scales: Mapping[str, Scale] = attach_noise(
        "selective-copying",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"tokens": 4, "values": 16, "noise": 32, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "two to four minutes on one core: four to eight tokens in 128 positions",
                {
                    "tokens": 8,
                    "values": 16,
                    "noise": 128,
                    "train": 32_000,
                    "validation": 1_000,
                    "test": 2_000,
                },
                {**RECIPE, "batch": 32},
                width=64,
                seconds=180,
            ),
            "large": Scale(
                "a GPU: up to 16 tokens in 4,096 positions",
                {"tokens": 16, "values": 16, "noise": 4096, "train": 500_000, "test": 2_000},
                RECIPE,
                width=64,
            ),
        },
    )

    def __init__(
        self,
        *,
        tokens: Annotated[int, Field(ge=2)] = 8,
        values: Annotated[int, Field(ge=2, le=MAX_VALUES)] = 16,
        noise: Annotated[int, Field(ge=8)] = 192,
        easy: bool = False,
        train: PositiveInt = 32_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 2_000,
    ) -> None:
        if noise < 2 * tokens:
            reason = f"harder sequences have {2 * tokens} tokens"
            request = f"selective-copying(tokens={tokens}, noise={noise})"
            raise UsageError(request, reason, f"Type noise={2 * tokens} or more.")
        design = Design(max(2, tokens // 2), tokens, values, noise, 2 * tokens, easy)
        harder = Design(tokens + 1, 2 * tokens, values, noise, 2 * tokens, easy)
        self.set_splits(design, harder, train, validation, test)
        self.count_longest(
            "tokens",
            tokens,
            self.count_tokens,
            answers="tokens",
            chance=1 / values,
            edges=(2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64),
        )

    def count_tokens(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the number of marked tokens in each sequence, (batch,) float32."""
        return solve_copying(inputs)[2].float()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, values, length)."""
        return solve_copying(inputs)[0]

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove a sequence to have one answer, (batch,) bool each."""
        _, is_query, marked = solve_copying(inputs)
        return {
            "one token per position": (inputs.sum(1) == 1).all(1),
            "one query per marked token": is_query.sum(1) == marked,
            "at least one query": is_query.any(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the sequences, (batch,) each."""
        return {"tokens": self.count_tokens(inputs, targets), "length": (inputs.sum(1) == 1).sum(1)}

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {
            "a token that occurs": FirstToken(),
            "most frequent token": MostFrequentToken(),
            "first two tokens": FirstTokens(2),
            "tokens by place": TokensByPlace(),
            "window": build_causal_window,
        }
