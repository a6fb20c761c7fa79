"""The parity probe: is the number of ones so far odd?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import nn

from probekit.plugin.interfaces import Control, Scale
from probekit_probes.noise import attach_noise
from probekit_probes.sequences import RECIPE, build_causal_window
from probekit_probes.shipped_certificates import ShippedCertificates
from probekit_probes.tracking import controls
from probekit_probes.tracking.probe import LAST_MOVES, GroupProbe


class Parity(GroupProbe):
    """Predict after each bit of a sequence whether the number of ones so far is odd; the second half counts.

    Inputs: float32 one-hot tokens (3, length): bits, then blanks. Targets: float32 (2, length), zero outside
    the queries.

    Sequences of training and test have `moves` bits, and the metrics count the answers after more than half
    of them: no window of half as many bits and no proper subset of the bits does better than chance there,
    1/2. Harder sequences are `times` as long, which is `length`, and have queries only after the end of the
    others.

    Source: Deletang et al., "Neural Networks and the Chomsky Hierarchy", 2023; Grazzi et al., "Unlocking
    State-Tracking in Linear RNNs Through Negative Eigenvalues", 2025.

    Args:
        moves: number of bits in training.
        times: length of the harder sequences, as a multiple of `moves`.
        easy: ask for the parity of the last two bits instead. Everything else stays the same, so a structure
            that fails here too does not fail because of the count.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.
    """

    property = "parity"
    version = 2
    added_parameters = ("easy",)
    structure = "plain(depth=2, causal=true, conv=4)"
    solved_by: Mapping[str, str] = {
        "*sums in any order*": "the sum of the bits modulo 2 is the parity",
        "bag of tokens so far": "a count of the bits decides the parity",
    }
    harder = "longer sequences, after the end of those in training"
    golden: Mapping[int, str] = {2: "6e23bc268ea9ab39"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("parity")
    scales: Mapping[str, Scale] = attach_noise(
        "parity",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"moves": 24, "times": 2, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "three minutes on one core: sequences of 64 bits",
                {"moves": 64, "times": 2, "train": 48_000, "validation": 1_000, "test": 1_000},
                RECIPE,
                width=64,
                seconds=180,
            ),
            "large": Scale(
                "a GPU: sequences of 128 bits",
                {"moves": 128, "times": 4, "train": 500_000, "test": 5_000},
                {**RECIPE, "batch": 256},
                width=128,
            ),
        },
    )

    def __init__(
        self,
        *,
        moves: PositiveInt = 64,
        times: Annotated[int, Field(ge=2)] = 2,
        easy: bool = False,
        train: PositiveInt = 48_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        items = {"train": train, "validation": validation, "test": test}
        self.set_group("z2", moves, times, moves // 2, items, LAST_MOVES if easy else 0)

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"the last move": controls.LastMove(), "window": build_causal_window}
