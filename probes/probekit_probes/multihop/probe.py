"""The multi-hop probe: which node is several steps ahead on a cycle?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin import masked
from probekit.plugin.axis import Axis
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.multihop.controls import OneHop
from probekit_probes.multihop.cycles import Design
from probekit_probes.multihop.oracle import solve_cycles
from probekit_probes.noise import attach_noise
from probekit_probes.sequences import RECIPE, SequenceProbe, build_causal_window
from probekit_probes.shipped_certificates import ShippedCertificates

MAX_TOKENS = 250
"""Greatest number of tokens: a token is stored as one byte."""


class MultiHop(SequenceProbe):
    """Predict the node several steps ahead on a cycle that is given as pairs.

    Inputs: float32 one-hot tokens (1 + 2 nodes + hops, length): the pairs (node, successor) of one cycle, a
    blank after each, in random order, then questions, each a number of steps and a node. Targets: float32
    (2 nodes, length), the node that many steps ahead, at the node of each question; zero elsewhere.

    Cycles of training and test have `hops` + 1 to `nodes` nodes; harder ones have up to twice as many. A
    single lookup is correct in 1 / `hops` of the questions.

    Source: the task Depo of Allen-Zhu, "Physics of Language Models: Part 4.1", 2025, with one token per node
    and all numbers of steps equally likely.

    Args:
        nodes: greatest number of nodes of a cycle in training.
        hops: greatest number of steps.
        questions: number of questions per sequence.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.

    Raises:
        UsageError: if the steps can go around a cycle, or there are too many tokens.
    """

    property = "composition"
    version = 1
    structure = "plain(depth=2, causal=true, conv=4)"
    solved_by: Mapping[str, str] = {"two look-ups": "two look-ups in a row are two hops"}
    expected_failures: Mapping[str, str] = {
        "resists-shortcuts": "on short cycles, one look-up leaves only a few nodes as answers"
    }
    harder = "cycles of up to twice as many nodes"
    golden: Mapping[int, str] = {1: "c8763a311a51a4e5"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("multi-hop")
    scales: Mapping[str, Scale] = attach_noise(
        "multi-hop",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"nodes": 4, "hops": 2, "questions": 2, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "two minutes on one core: one or two steps on cycles of three to six nodes",
                {"nodes": 6, "hops": 2, "questions": 8, "train": 96_000, "validation": 1_000, "test": 1_000},
                RECIPE,
                width=64,
                seconds=120,
            ),
            "large": Scale(
                "a GPU: one to eight steps on cycles of nine to 48 nodes",
                {"nodes": 48, "hops": 8, "questions": 16, "train": 2_000_000, "test": 5_000},
                {**RECIPE, "batch": 256},
                width=128,
            ),
        },
    )

    def __init__(
        self,
        *,
        nodes: Annotated[int, Field(ge=3)] = 6,
        hops: Annotated[int, Field(ge=1)] = 2,
        questions: PositiveInt = 8,
        train: PositiveInt = 96_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        if hops >= nodes or 1 + 2 * nodes + hops > MAX_TOKENS:
            reason = f"hops must be less than nodes, and one byte holds at most {MAX_TOKENS} tokens"
            raise UsageError(f"multi-hop(nodes={nodes}, hops={hops})", reason, "Type nodes=6, hops=2.")
        self.nodes, self.hops = 2 * nodes, hops
        design = Design(hops + 1, nodes, 2 * nodes, hops, questions, 2 * nodes)
        harder = Design(nodes + 1, 2 * nodes, 2 * nodes, hops, questions, 2 * nodes)
        self.set_splits(design, harder, train, validation, test)
        self.metrics = (masked.make_accuracy(1 / self.nodes), masked.make_exact_match())
        about = "Share of correct answers, by the number of steps in the question"
        bins = tuple(map(float, range(1, hops + 2)))
        self.axis = Axis(
            "steps", "steps", about, self.count_steps, masked.is_correct, "higher", bins, (0.0, 1.0), 0.95
        )

    def count_steps(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the number of steps at each question, (batch, length) float32, zero at other positions."""
        return solve_cycles(inputs, self.nodes, self.hops)[1].float()

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, nodes, length)."""
        return solve_cycles(inputs, self.nodes, self.hops)[0]

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove a sequence to have one answer, (batch,) bool each."""
        answers, steps, successors = solve_cycles(inputs, self.nodes, self.hops)
        return {
            "at most one successor per node": (successors <= 1).all(1),
            "each question has one answer": (answers.sum(1) == (steps > 0)).all(1),
            "at least one question": (steps > 0).any(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the sequences, (batch,) each."""
        _, steps, successors = solve_cycles(inputs, self.nodes, self.hops)
        return {"nodes": successors.sum(1), "steps per question": steps.sum(1) / (steps > 0).sum(1)}

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {"one hop": OneHop(self.nodes, self.hops), "window": build_causal_window}
