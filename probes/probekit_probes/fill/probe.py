"""The fill probe: which cells can be reached from the seed?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin import masked
from probekit.plugin.axis import Axis
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.fill.controls import Ball
from probekit_probes.fill.mazes import Design
from probekit_probes.fill.oracle import count_path_steps, solve_easy_mazes, solve_mazes
from probekit_probes.grids import RECIPE, build_grid_window
from probekit_probes.noise import attach_noise
from probekit_probes.sequences import SequenceProbe, bin_edges
from probekit_probes.shipped_certificates import ShippedCertificates

EASY_STEPS = 3
"""Number of steps from the seed within which the easy task asks."""


class Fill(SequenceProbe):
    """Predict which open cells of a maze can be reached from a seed, through the sides of open cells.

    Inputs: float32 one-hot cells (3, size, size): wall, open, seed. Targets: float32 (2, size, size), dry or
    filled at each open cell, zero at walls and the seed.

    Cells are open with probability 0.62, near where paths first cross a maze. Of the open cells, 40 to 60 %
    are filled. The farthest filled cell is at most `near` steps from the seed in training and test, and up to
    twice as many in the harder mazes.

    The headline is the share of mazes with every cell correct: a wrong cell means that a path was missed, and
    a network that misses the longest paths still gets 99 % of all cells. Verdicts and controls are judged by
    it. Of single cells, a linear regression on the maze, which follows no path, gets 0.76 right at scale
    quick, over half of the way from chance, so the accuracy alone shows little.

    Compare networks, not layers: the convolutions of a U-Net spread along paths, whatever layer it hosts.

    Source: the component of a seed in site percolation; mazes of Schwarzschild et al., "Can You Learn an
    Algorithm? Generalizing from Easy to Hard Problems with Recurrent Networks", 2021, but with cycles and
    dead ends, so filling up dead ends solves none.

    Args:
        size: cells per side.
        near: greatest number of steps in training and test.
        easy: ask only about cells at most three steps from the seed, and whether three steps lead there.
            Everything else stays the same, so a structure that fails here too does not fail because of paths.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.
    """

    property = "connectedness"
    version = 1
    added_parameters = ("easy",)
    structure = "unet"
    networks_only = (
        "the network around a layer decides: with each of 36 layers a U-Net solves 58 to 79 % of the mazes, "
        "and `recurrent` solves all without one"
    )
    harder = "mazes with paths of up to twice as many steps"
    golden: Mapping[int, str] = {1: "0a304a434f1796b8"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("fill")
    scales: Mapping[str, Scale] = attach_noise(
        "fill",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"size": 16, "near": 20, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "three minutes on one core: 16 x 16 cells, paths of up to 20 steps",
                {"size": 16, "near": 20, "train": 32_000, "validation": 1_000, "test": 1_000},
                {**RECIPE, "batch": 32},
                width=32,
                seconds=180,
            ),
            "large": Scale(
                "a GPU: 48 x 48 cells, paths of up to 64 steps",
                {"size": 48, "near": 64, "train": 200_000, "test": 2_000},
                {**RECIPE, "epochs": 2},
                width=64,
            ),
        },
    )

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=8)] = 16,
        near: Annotated[int, Field(ge=8)] = 20,
        easy: bool = False,
        train: PositiveInt = 32_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        self.side, self.within = size, EASY_STEPS if easy else 0
        design, harder = (
            Design(size, least, most, self.within) for least, most in ((1, near), (near + 1, 2 * near))
        )
        self.set_splits(design, harder, train, validation, test)
        self.metrics = (masked.make_exact_match(), masked.make_accuracy(0.5))
        about = "Share of correct cells among the filled ones, by the number of steps from the seed"
        bins = bin_edges((1, 2, 3, 5, 8, 12, 16, 24, 32, 48, 64, 96, 128), near, 2 * near)
        self.axis = Axis(
            "steps", "steps", about, self.count_steps, masked.is_correct, "higher", bins, (0.0, 1.0), 0.95
        )

    def count_steps(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the steps from the seed to each filled cell, (batch, size, size); NaN on other cells."""
        return count_path_steps(inputs)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, 2, size, size)."""
        return solve_easy_mazes(inputs, self.within) if self.within else solve_mazes(inputs)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove a maze to have one answer, (batch,) bool each."""
        return {
            "one seed": inputs[:, 2].sum((1, 2)) == 1,
            "one kind per cell": (inputs.sum(1) == 1).all(2).all(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the mazes, (batch,) each."""
        return {
            "open cells": inputs[:, 1:].sum((1, 2, 3)),
            "filled": targets[:, 1].sum((1, 2)),
            "steps to the farthest": count_path_steps(inputs).flatten(1).nan_to_num(0).amax(1),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"ball": Ball(), "window": build_grid_window}
