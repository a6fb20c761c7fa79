"""The fill probe: is it known what can be reached?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit import asked
from probekit.axis import Axis
from probekit.interfaces import Control, Scale
from probekit_probes import maps
from probekit_probes.certified import Certified
from probekit_probes.fill.controls import Ball
from probekit_probes.fill.mazes import Design
from probekit_probes.fill.oracle import read, steps
from probekit_probes.maps import window
from probekit_probes.noise import measured
from probekit_probes.words import Spelt, edges


class Fill(Spelt):
    """Tell which open cells of a maze can be reached from a seed, through the sides of open cells.

    Inputs: float32 one-hot cells (3, size, size): wall, open, seed. Targets: float32 (2, size, size), dry or
    filled at each open cell, zero at walls and the seed. Cells are open with chance 0.62, near where paths
    first cross a maze; of the open ones 40 to 60 in 100 are filled. From the seed the farthest filled cell
    is `near` steps away or fewer in training and test, up to twice as many in the harder mazes. Source: the
    component of a seed in site percolation; mazes of Schwarzschild et al., "Can You Learn an Algorithm?
    Generalizing from Easy to Hard Problems with Recurrent Networks", 2021, but with cycles and dead ends, so
    that filling up dead ends solves none. The headline is the share of mazes of which every cell is right: a
    cell that is wrong stands for a way that was not found, and of all cells together a network that misses
    the longest ways tells 99 in 100.

    size: cells a side. near: steps. train, validation, test: items; there are as many harder ones as of test.
    """

    property = "connectedness"
    version = 1
    structure = "unet"
    focus = "accuracy"
    harder = "paths of up to twice as many steps"
    golden: Mapping[int, str] = {1: "0a304a434f1796b8"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("fill")
    scales: Mapping[str, Scale] = measured(
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
                {**maps.RECIPE, "batch": 32},
                width=32,
                seconds=180,
            ),
            "large": Scale(
                "a GPU: 48 x 48 cells, paths of up to 64 steps",
                {"size": 48, "near": 64, "train": 200_000, "test": 2_000},
                {**maps.RECIPE, "epochs": 2},
                width=64,
            ),
        },
    )

    def __init__(
        self,
        *,
        size: Annotated[int, Field(ge=8)] = 16,
        near: Annotated[int, Field(ge=8)] = 20,
        train: PositiveInt = 32_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        self.side = size
        design, beyond = Design(size, 1, near), Design(size, near + 1, 2 * near)
        self.split_into(design, beyond, train, validation, test)
        self.metrics = (asked.exact(), asked.accuracy(0.5))
        about = "Share of filled cells that are told, by how many steps from the seed they are"
        bins = edges((1, 2, 3, 5, 8, 12, 16, 24, 32, 48, 64, 96, 128), near, 2 * near)
        self.axis = Axis("steps", "steps", about, self.steps, asked.right, "higher", bins, (0.0, 1.0), 0.95)

    def steps(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return how many steps each filled cell is from the seed, (batch, size, size); NaN elsewhere."""
        return steps(inputs)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, 2, size, size)."""
        return read(inputs)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which mazes have one answer, (batch,) bool for each rule."""
        return {
            "one seed": inputs[:, 2].sum((1, 2)) == 1,
            "a kind a cell": (inputs.sum(1) == 1).all(2).all(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what mazes contain, (batch,) numbers each."""
        return {
            "open cells": inputs[:, 1:].sum((1, 2, 3)),
            "filled": targets[:, 1].sum((1, 2)),
            "steps to the farthest": steps(inputs).flatten(1).nan_to_num(0).amax(1),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"ball": Ball(), "window": window}
