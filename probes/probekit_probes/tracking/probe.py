"""The state-tracking probe: what is the state after each move?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin import masked
from probekit.plugin.axis import Axis
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.noise import attach_noise
from probekit_probes.sequences import (
    RECIPE,
    SequenceProbe,
    bin_edges,
    build_causal_window,
    decode_tokens,
    encode_answers,
    make_restricted_metrics,
)
from probekit_probes.shipped_certificates import ShippedCertificates
from probekit_probes.tracking import controls
from probekit_probes.tracking.moves import Design
from probekit_probes.tracking.oracle import track_states

LAST_MOVES = 2
"""Number of moves that the easy task asks about."""


class GroupProbe(SequenceProbe):
    """Base of the probes on groups, `StateTracking` and `Parity`."""

    group: str
    moves: int
    memory: int
    early: int

    def set_group(
        self, group: str, moves: int, times: int, early: int, items: Mapping[str, int], memory: int = 0
    ) -> None:
        """Set the splits, metrics and axis.

        Args:
            group: name of the group.
            moves: number of moves in training.
            times: length of the harder sequences, as a multiple of `moves`.
            early: number of moves after which the states count in the metrics.
            items: number of items by split.
            memory: number of last moves whose product is the state; 0 for all moves.
        """
        longest = times * moves
        self.group, self.moves, self.memory, self.early = group, moves, memory, early
        design = Design(group, 0, moves, longest, memory)
        harder = Design(group, moves, longest, longest, memory)
        self.set_splits(design, harder, **items)
        when = f"after more than {early} moves"
        self.metrics = make_restricted_metrics(
            1 / self.alphabet.classes,
            self.cut_late,
            f"Share of correct states {when}",
            f"Share of sequences with all states correct {when}",
        )
        bins = bin_edges((1, 2, 3, 5, 9, 17, 25, 33, 49, 65, 97, 129, 193, 257), moves, longest)
        about = "Share of correct states, by the number of moves so far"
        self.axis = Axis(
            "moves", "moves", about, self.count_moves, masked.is_correct, "higher", bins, (0.0, 1.0), 0.95
        )

    def cut_late(self, *sequences: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs, targets and inputs after the early moves."""
        output, target, inputs = (sequence[..., self.early :] for sequence in sequences)
        return output, target, inputs

    def count_moves(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the number of moves up to each position, (batch, length) float32."""
        return torch.arange(1.0, inputs.shape[2] + 1).to(inputs.device).expand(len(inputs), -1)

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact states from the input alone, (batch, order, length)."""
        moves = decode_tokens(inputs) - 1
        mask = moves >= 0
        if bool(mask[:, self.moves :].any()):
            mask = mask & (torch.arange(inputs.shape[2], device=mask.device) >= self.moves)
        states = track_states(moves.cpu(), self.group, self.memory).to(inputs.device)
        return encode_answers(states, mask, self.alphabet.classes)

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove a sequence to have one answer, (batch,) bool each."""
        is_move = inputs.argmax(1) > 0
        return {
            "no move comes after a blank": ~(is_move[:, 1:] & ~is_move[:, :-1]).any(1),
            "one token per position": (inputs.sum(1) == 1).all(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the sequences, (batch,) each."""
        return {"moves": (inputs.argmax(1) > 0).sum(1), "queries": masked.query_mask(targets).sum(1)}


class StateTracking(GroupProbe):
    """Predict the state after each move of a sequence; the states after the last quarter count.

    Inputs: float32 one-hot tokens (1 + order, length): elements of a group, uniform, then blanks. Targets:
    float32 (order, length), the product of the elements so far; zero outside the queries.

    Sequences of training and test have `moves` elements, and the metrics count the states after the last
    quarter of them: no window of three quarters as many moves does better than chance there. Who ignores the
    order of moves knows the coset of the commutator subgroup, for s3 whether the permutation is odd: 1/3. Who
    knows the order of the last half and counts the moves before knows little more. Harder sequences are
    `times` as long, which is `length`, and have queries only after the end of the others. z6 is the abelian
    group of the same order as s3: a structure that fails only on s3 fails because of the order of moves.

    Source: the word problem of groups, Merrill, Petty and Sabharwal, "The Illusion of State in State-Space
    Models", ICML 2024; Barrington 1989.

    Args:
        group: see `groups.table`.
        moves: number of moves in training.
        times: length of the harder sequences, as a multiple of `moves`.
        easy: ask for the product of the last two moves instead. Everything else stays the same, so a
            structure that fails here too does not fail because of the state.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.
    """

    property = "state tracking"
    version = 3
    structure = "plain(depth=2, causal=true, conv=4)"
    harder = "longer sequences, after the end of those in training"
    golden: Mapping[int, str] = {3: "f6b035acad7b62d6"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("state-tracking")
    scales: Mapping[str, Scale] = attach_noise(
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
                "one minute on one core: 16 moves in s3, which has six elements",
                {"moves": 16, "times": 4, "train": 64_000, "validation": 1_000, "test": 1_000},
                RECIPE,
                width=64,
                seconds=60,
            ),
            "large": Scale(
                "a GPU: 32 moves in a5, which has sixty elements",
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
        easy: bool = False,
        train: PositiveInt = 64_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        items = {"train": train, "validation": validation, "test": test}
        self.set_group(group, moves, times, moves - moves // 4, items, LAST_MOVES if easy else 0)

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property.

        For an abelian group the order of moves does not matter, so ignoring it is no lack.
        """
        solvers: dict[str, Control | Callable[..., nn.Module]] = {"the last move": controls.LastMove()}
        if self.group[0] != "z":
            solvers["moves in any order"] = controls.AnyOrder(self.group)
        return {**solvers, "window": build_causal_window}
