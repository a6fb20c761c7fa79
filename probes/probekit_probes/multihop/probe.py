"""The multi-hop probe: which node is several steps ahead on a cycle?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from probekit.plugin import masked
from probekit.plugin.axis import Axis
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.multihop.controls import OneLookup
from probekit_probes.multihop.cycles import Design
from probekit_probes.multihop.oracle import solve_cycles
from probekit_probes.noise import attach_noise
from probekit_probes.sequences import RECIPE, SequenceProbe, build_causal_window, make_restricted_metrics
from probekit_probes.shipped_certificates import ShippedCertificates

MAX_TOKENS = 250
"""Greatest number of tokens: a token is stored as one byte."""


class MultiHop(SequenceProbe):
    """Predict the node several steps ahead on a cycle that is given as pairs.

    Inputs: float32 one-hot tokens (1 + 2 nodes + hops, length): the pairs (node, successor) of one cycle, a
    blank after each, in random order, then questions, each a number of steps and a node. Targets: float32
    (2 nodes, length), the node that many steps ahead, at the node of each question; zero elsewhere.

    Cycles of training and test have `hops` + 1 to `nodes` nodes; harder ones have up to twice as many.
    Questions ask for one to `hops` steps. The metrics count questions of two steps or more on cycles of
    `least` nodes or more: a single lookup rules out two nodes of a cycle and leaves the rest to a guess, and
    of a short cycle little is left. Short cycles and single steps are there to learn from.

    Source: the task Depo of Allen-Zhu, "Physics of Language Models: Part 4.1", 2025, with one token per node
    and all numbers of steps equally likely.

    Args:
        nodes: greatest number of nodes of a cycle in training.
        least: least number of nodes of a cycle that counts; at most `nodes` are asked for.
        hops: greatest number of steps.
        questions: number of questions per sequence.
        easy: ask for one step in every question, and count these. Everything else stays the same, so
            a structure that fails here too does not fail because of composition.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.

    Raises:
        UsageError: if the steps can go around a cycle, no question counts, or there are too many tokens.
    """

    property = "composition"
    version = 2
    structure = "plain(depth=2, causal=true, conv=4)"
    solved_by: Mapping[str, str] = {"two look-ups": "two look-ups in a row are two hops"}
    harder = "cycles of up to twice as many nodes"
    golden: Mapping[int, str] = {2: "b8a63b7ff39f1f26"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("multi-hop")
    scales: Mapping[str, Scale] = attach_noise(
        "multi-hop",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {"nodes": 8, "least": 7, "questions": 4, "train": 256, "validation": 64, "test": 64},
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "six minutes on one core: one or two steps on cycles of eight to ten nodes",
                {"nodes": 10, "least": 8, "train": 96_000, "validation": 1_000, "test": 1_000},
                {**RECIPE, "epochs": 2},
                width=64,
                seconds=360,
            ),
            "large": Scale(
                "a GPU: one to eight steps on cycles of 24 to 48 nodes",
                {"nodes": 48, "least": 24, "hops": 8, "questions": 16, "train": 2_000_000, "test": 5_000},
                {**RECIPE, "batch": 256},
                width=128,
            ),
        },
    )

    def __init__(
        self,
        *,
        nodes: Annotated[int, Field(ge=3)] = 10,
        least: Annotated[int, Field(ge=3)] = 8,
        hops: Annotated[int, Field(ge=2)] = 2,
        questions: PositiveInt = 8,
        easy: bool = False,
        train: PositiveInt = 96_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        if hops >= nodes or 1 + 2 * nodes + hops > MAX_TOKENS:
            reason = f"hops must be less than nodes, and one byte holds at most {MAX_TOKENS} tokens"
            raise UsageError(f"multi-hop(nodes={nodes}, hops={hops})", reason, "Type nodes=10, hops=2.")
        self.nodes, self.hops, self.scored_from = 2 * nodes, hops, 1 if easy else 2
        asked = 1 if easy else hops
        self.least = min(least, nodes)
        design = Design(hops + 1, nodes, 2 * nodes, hops, questions, 2 * nodes, asked)
        harder = Design(nodes + 1, 2 * nodes, 2 * nodes, hops, questions, 2 * nodes, asked)
        self.set_splits(design, harder, train, validation, test)
        counted = (
            f"questions {'' if easy else 'of two steps or more '}on cycles of {self.least} nodes or more"
        )
        self.metrics = make_restricted_metrics(
            1 / self.nodes,
            self.select_counted,
            f"Share of correct answers to {counted}",
            f"Share of sequences with all {counted} correct",
        )
        about = "Share of correct answers, by the number of steps in the question"
        bins = tuple(map(float, range(1, hops + 2)))
        self.axis = Axis(
            "steps", "steps", about, self.count_steps, masked.is_correct, "higher", bins, (0.0, 1.0), 0.95
        )

    def select_counted(self, output: Tensor, target: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the three with zero as target of the questions that do not count."""
        # the number of steps stands before the node that the question starts from
        first_number = self.nodes + self.scored_from
        counts = functional.pad(inputs[:, first_number:, :-1].sum(1, keepdim=True), (1, 0))
        pairs = inputs[:, 1 : 1 + self.nodes, 0 : 3 * self.nodes : 3].sum((1, 2))  # as many as slots
        return output, target * counts * (pairs >= self.least)[:, None, None], inputs

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
        return {"one lookup": OneLookup(self.nodes, self.hops), "window": build_causal_window}
