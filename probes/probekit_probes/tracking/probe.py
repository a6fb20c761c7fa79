"""The state-tracking probe: is the state after each of a row of moves known?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit import asked
from probekit.axis import Axis
from probekit.interfaces import Control, Scale
from probekit_probes.certified import Certified
from probekit_probes.noise import measured
from probekit_probes.tracking import controls
from probekit_probes.tracking.moves import Design
from probekit_probes.tracking.oracle import states
from probekit_probes.words import RECIPE, Spelt, answers_of, edges, tokens_of, window


class Tracking(Spelt):
    """What the probes of groups share; see `StateTracking` and `Parity`."""

    group: str
    moves: int

    def laid_out(self, group: str, moves: int, times: int, items: Mapping[str, int]) -> None:
        """Make the splits, metrics and axis; times: as long are the harder words."""
        longest = times * moves
        self.group, self.moves = group, moves
        design, beyond = Design(group, 0, moves, longest), Design(group, moves, longest, longest)
        self.split_into(design, beyond, **items)
        order = self.alphabet.classes
        self.metrics = (asked.accuracy(1 / order), asked.exact())
        bins = edges((1, 2, 3, 5, 9, 17, 25, 33, 49, 65, 97, 129, 193, 257), moves, longest)
        about = "Share of states that are right, by how many moves led there"
        self.axis = Axis("moves", "moves", about, self.place, asked.right, "higher", bins, (0.0, 1.0), 0.95)

    def place(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return how many moves led to each position, (batch, length) float32."""
        return torch.arange(1.0, inputs.shape[2] + 1).to(inputs.device).expand(len(inputs), -1)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact states from the input alone, (batch, order, length)."""
        moves = tokens_of(inputs) - 1
        where = moves >= 0
        if bool(where[:, self.moves :].any()):
            where = where & (torch.arange(inputs.shape[2], device=where.device) >= self.moves)
        return answers_of(states(moves.cpu(), self.group).to(inputs.device), where, self.alphabet.classes)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return which words have one answer, (batch,) bool for each rule."""
        moves = inputs.argmax(1) > 0
        rule = {"no move comes after a blank": ~(moves[:, 1:] & ~moves[:, :-1]).any(1)}
        return {**rule, "a token a position": (inputs.sum(1) == 1).all(1)}

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return what words contain, (batch,) numbers each."""
        return {"moves": (inputs.argmax(1) > 0).sum(1), "asked": asked.asked(targets).sum(1)}


class StateTracking(Tracking):
    """Tell the state after each of a row of moves.

    Inputs: float32 one-hot tokens (1 + order, length): elements of a group, uniform, then blanks. Targets:
    float32 (order, length), the product of the elements so far; zero where nothing is asked. Words of
    training and test have `moves` elements; the harder ones `times` as many, which is the length, and are
    asked from there on where the others end. Source: the word problem of groups, Merrill, Petty and
    Sabharwal, "The Illusion of State in State-Space Models", ICML 2024; Barrington 1989. z6 is the abelian
    group of s3's order: what fails on s3 alone fails for its order of moves.

    group: see `groups.table`. moves: of a word. times: as long are the harder words. train, validation,
    test: items; there are as many harder ones as of test.
    """

    property = "state tracking"
    version = 1
    structure = "plain(depth=2, causal=true, conv=4)"
    harder = "longer words, beyond where those of training end"
    golden: Mapping[int, str] = {1: "f6b035acad7b62d6"}
    certificates: Mapping[str, Mapping[str, Any]] = Certified("state-tracking")
    scales: Mapping[str, Scale] = measured(
        "state-tracking",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"moves": 12, "times": 2, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "a minute on one core: 16 moves of the six of s3",
                {"moves": 16, "times": 4, "train": 64_000, "validation": 1_000, "test": 1_000},
                RECIPE,
                width=64,
                seconds=60,
            ),
            "large": Scale(
                "a GPU: 32 moves of the sixty of a5",
                {"group": "a5", "moves": 32, "times": 4, "train": 1_000_000, "test": 5_000},
                {**RECIPE, "batch": 256},
                width=128,
            ),
        },
    )

    def __init__(
        self,
        *,
        group: Literal["z2", "z6", "s3", "z60", "a4xz5", "a5"] = "s3",
        moves: PositiveInt = 16,
        times: Annotated[int, Field(ge=2)] = 4,
        train: PositiveInt = 64_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        self.laid_out(group, moves, times, {"train": train, "validation": validation, "test": test})

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property; of an abelian group the order of moves says nothing, and
        who ignores it lacks nothing."""
        found: dict[str, Control | Callable[..., nn.Module]] = {"the last move": controls.LastMove()}
        if self.group[0] != "z":
            found["moves in any order"] = controls.AnyOrder(self.group)
        return {**found, "window": window}
