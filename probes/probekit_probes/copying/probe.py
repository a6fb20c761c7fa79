"""The selective-copying probe: is what stands out kept among noise, in its order?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit import asked
from probekit.axis import Axis
from probekit.errors import UsageError
from probekit.interfaces import Control, Scale
from probekit_probes.certified import Certified
from probekit_probes.copying.controls import AToken
from probekit_probes.copying.notes import Design
from probekit_probes.copying.oracle import read
from probekit_probes.noise import measured
from probekit_probes.words import RECIPE, Spelt, edges, window

MOST = 250
"""Values: a word is kept as bytes."""


class SelectiveCopying(Spelt):
    """Tell the tokens that stand among noise, in their order.

    Inputs: float32 one-hot tokens (2 + values, noise + 2 tokens): noise, with tokens at random places among
    it, then as many times "go" as there may be tokens. Targets: float32 (values, length), the first token at
    the first go and so on; zero elsewhere. Words of training and test hold 2 to `tokens` tokens, the harder
    ones up to twice as many. Who knows what occurs but no order is right in 1/k + (1 - 1/k)/V of k tokens of
    V values. Source: Gu and Dao, "Mamba", 2023, section 4.1.1, after Jing et al. 2019.

    tokens: the most of a word. values: how many there are. noise: positions before the first go. train,
    validation, test: items; there are as many harder ones as of test. Raises UsageError where the harder
    words have no room, or values are too many.
    """

    property = "selective memory"
    version = 1
    structure = "plain(depth=2, causal=true, conv=4)"
    harder = "words of up to twice as many tokens"
    golden: Mapping[int, str] = {1: "04c60ed086168595"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("selective-copying")
    scales: Mapping[str, Scale] = measured(
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
                "two to four minutes on one core: two to eight tokens among 256 positions",
                {"tokens": 8, "values": 16, "noise": 256, "train": 32_000, "validation": 500, "test": 500},
                {**RECIPE, "batch": 32},
                width=64,
                seconds=180,
            ),
            "large": Scale(
                "a GPU: up to 16 tokens among 4,096 positions",
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
        values: Annotated[int, Field(ge=2, le=MOST)] = 16,
        noise: Annotated[int, Field(ge=8)] = 256,
        train: PositiveInt = 32_000,
        validation: PositiveInt = 500,
        test: PositiveInt = 500,
    ) -> None:
        if noise < 2 * tokens:
            found = f"the harder words hold {2 * tokens} tokens"
            asks = f"selective-copying(tokens={tokens}, noise={noise})"
            raise UsageError(asks, found, f"Type noise={2 * tokens} or more.")
        design = Design(2, tokens, values, noise, 2 * tokens)
        beyond = Design(tokens + 1, 2 * tokens, values, noise, 2 * tokens)
        self.split_into(design, beyond, train, validation, test)
        self.metrics = (asked.accuracy(1 / values), asked.exact())
        bins = edges((2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64), tokens, 2 * tokens)
        about = "Share of a word's tokens that are right, by how many they are"
        self.axis = Axis("tokens", "tokens", about, self.told, asked.share, "higher", bins, (0.0, 1.0), 0.95)

    def told(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return how many tokens each word tells, (batch,) float32."""
        return read(inputs)[2].float()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, values, length)."""
        return read(inputs)[0]

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which words have one answer, (batch,) bool for each rule."""
        _, asks, told = read(inputs)
        return {
            "a token a position": (inputs.sum(1) == 1).all(1),
            "each token is asked for": asks.sum(1) == told,
            "something is asked": asks.any(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what words contain, (batch,) numbers each."""
        return {"tokens": self.told(inputs, targets), "length": (inputs.sum(1) == 1).sum(1)}

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"a token that occurs": AToken(), "window": window}
