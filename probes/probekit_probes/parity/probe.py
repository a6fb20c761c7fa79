"""The parity probe: is it known of any row of bits whether its ones are odd?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import nn

from probekit.interfaces import Control, Scale
from probekit_probes.certified import Certified
from probekit_probes.noise import measured
from probekit_probes.tracking import controls
from probekit_probes.tracking.probe import Tracking
from probekit_probes.words import RECIPE, window


class Parity(Tracking):
    """Tell after each bit of a row whether the ones so far are odd.

    Inputs: float32 one-hot tokens (3, length): bits, then blanks. Targets: float32 (2, length), zero where
    nothing is asked. Rows of training and test have `moves` bits; the harder ones `times` as many, which is
    the length, and are asked from there on where the others end. No window and no subset of the bits tells
    more than chance, 1/2. Source: Deletang et al., "Neural Networks and the Chomsky Hierarchy", 2023; Grazzi
    et al., "Unlocking State-Tracking in Linear RNNs Through Negative Eigenvalues", 2025.

    moves: bits of a row. times: as long are the harder rows. train, validation, test: items; there are as
    many harder ones as of test.
    """

    property = "parity"
    version = 1
    structure = "plain(depth=2, causal=true, conv=4)"
    harder = "longer rows, beyond where those of training end"
    golden: Mapping[int, str] = {1: "6e23bc268ea9ab39"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("parity")
    scales: Mapping[str, Scale] = measured(
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
                "three minutes on one core: rows of 64 bits",
                {"moves": 64, "times": 2, "train": 48_000, "validation": 1_000, "test": 1_000},
                RECIPE,
                width=64,
                seconds=180,
            ),
            "large": Scale(
                "a GPU: rows of 128 bits",
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
        train: PositiveInt = 48_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        self.laid_out("z2", moves, times, {"train": train, "validation": validation, "test": test})

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"the last move": controls.LastMove(), "window": window}
