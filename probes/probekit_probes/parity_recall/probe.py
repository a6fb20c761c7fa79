"""The parity-recall probe: which of the two values of a key, by the parity of the bits so far?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from probekit.plugin import masked
from probekit.plugin.axis import Axis
from probekit.plugin.errors import UsageError
from probekit.plugin.interfaces import Control, Scale
from probekit_probes.noise import attach_noise
from probekit_probes.parity_recall import controls
from probekit_probes.parity_recall.entries import Design
from probekit_probes.parity_recall.oracle import (
    PARITIES,
    choose_store,
    join_answers,
    read_questions,
    solve_entries,
    solve_locally,
)
from probekit_probes.sequences import (
    RECIPE,
    SequenceProbe,
    bin_edges,
    build_causal_window,
    decode_tokens,
    make_restricted_metrics,
)
from probekit_probes.shipped_certificates import ShippedCertificates

MAX_TOKENS = 250
"""Greatest number of tokens: a token is stored as one byte."""


class ParityRecall(SequenceProbe):
    """Predict the first value of a key if the number of ones so far is even, else the second.

    Inputs: float32 one-hot tokens (3 + keys + values, length): distinct keys, each followed by two different
    values, then questions, each `bits` random bits and a key. Targets: float32 (2 + values, length): after
    each bit the parity, and at the key of each question the value, zero elsewhere. The parities are there to
    learn from; the metrics count values alone.

    Sequences have 2 to `pairs` keys. The metrics count sequences with more than half of `pairs`, and
    questions after more than half of the bits of training. Harder sequences have twice as many questions, and
    answers only after the last question of training.

    Who recalls and cannot count is correct in 1/2 of the questions; who counts and cannot recall, in
    1/k + (1 - 1/k)/values with k keys. Attention recalls, and no attention of bounded depth and precision
    counts modulo two over any length; a recurrent layer counts, and its state holds a bounded number of
    values. A network that has both can be correct.

    Source: parity-conditioned retrieval, Steifer, "Provably Shorter Scratchpads in Hybrid DeltaNet-Attention
    Decoders", 2026; here with several questions per sequence, and two values per key in the place of two
    tables. Multi-query recall: Arora et al., "Zoology", 2023.

    Args:
        pairs: greatest number of keys in a sequence.
        keys: number of different keys.
        values: number of different values.
        bits: number of bits before each question.
        questions: number of questions in training.
        easy: the answer is the value that has the number of the key plus the last bit, and after a bit the
            bit itself. Everything else stays the same, so a structure that fails here too does not fail
            because of recall or parity.
        train: number of training items.
        validation: number of validation items.
        test: number of test items, and of harder ones.

    Raises:
        UsageError: if there are too few keys or too many tokens.
    """

    property = "parity-conditioned recall"
    version = 1
    structure = "plain(depth=2, causal=true, conv=4)"
    harder = "later questions, after the bits of those in training"
    golden: Mapping[int, str] = {1: "3ec0d64d94f36e34"}
    certificates: Mapping[str, Mapping[str, Any]] = ShippedCertificates("parity-recall")
    scales: Mapping[str, Scale] = attach_noise(
        "parity-recall",
        {
            "smoke": Scale(
                "seconds, for tests; proves nothing",
                {
                    "pairs": 4,
                    "keys": 8,
                    "values": 8,
                    "bits": 2,
                    "questions": 4,
                    "train": 256,
                    "validation": 64,
                    "test": 64,
                },
                {"epochs": 2, "batch": 32, "lr": 2e-3},
                width=16,
                decides=False,
                seconds=1,
            ),
            "quick": Scale(
                "two minutes on one core: four to six keys of 32, up to 18 bits",
                {"pairs": 6, "train": 64_000, "validation": 1_000, "test": 1_000},
                RECIPE,
                width=64,
                seconds=120,
            ),
            "large": Scale(
                "a GPU: up to 32 keys, up to 128 bits",
                {
                    "pairs": 32,
                    "keys": 100,
                    "values": 100,
                    "bits": 8,
                    "questions": 16,
                    "train": 1_000_000,
                    "test": 5_000,
                },
                {**RECIPE, "batch": 256},
                width=128,
            ),
        },
    )

    def __init__(
        self,
        *,
        pairs: Annotated[int, Field(ge=2)] = 6,
        keys: Annotated[int, Field(ge=2)] = 32,
        values: Annotated[int, Field(ge=2)] = 32,
        bits: PositiveInt = 3,
        questions: Annotated[int, Field(ge=2)] = 6,
        easy: bool = False,
        train: PositiveInt = 64_000,
        validation: PositiveInt = 1_000,
        test: PositiveInt = 1_000,
    ) -> None:
        if keys < pairs or 3 + keys + values > MAX_TOKENS:
            reason = f"a sequence has up to {pairs} keys, and one byte holds at most {MAX_TOKENS} tokens"
            requested = f"parity-recall(pairs={pairs}, keys={keys}, values={values})"
            raise UsageError(requested, reason, f"Type keys={pairs}, values=32.")
        self.pairs, self.keys, self.easy = pairs, keys, easy
        self.trained_bits = bits * questions
        design, harder = (
            Design(pairs, keys, values, bits, start, stop, 2 * questions, easy)
            for start, stop in ((0, questions), (questions, 2 * questions))
        )
        self.set_splits(design, harder, train, validation, test)
        counted = f"questions after more than {self.trained_bits // 2} bits about more than {pairs // 2} keys"
        self.metrics = make_restricted_metrics(
            1 / values,
            self.select_counted,
            f"Share of correct answers to {counted}",
            f"Share of sequences with all {counted} correct",
        )
        edges = (1, 2, 4, 6, 9, 12, 15, 18, 24, 36, 48, 64, 96, 128)
        bins = bin_edges(edges, self.trained_bits, 2 * self.trained_bits)
        about = "Share of correct values, by the number of bits so far"
        self.axis = Axis(
            "bits", "bits", about, self.count_bits, score_questions, "higher", bins, (0.0, 1.0), 0.95
        )

    def select_counted(self, output: Tensor, target: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the three with zero as target of the questions that do not count."""
        is_late = self.count_bits(inputs, target) > self.trained_bits // 2
        has_many = self.count_keys(inputs) > self.pairs // 2
        return select_questions(output, target * (is_late & has_many[:, None])[:, None], inputs)

    def count_bits(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the number of bits up to each position, (batch, length) float32."""
        return read_questions(decode_tokens(inputs), self.keys)[1].float()

    def count_keys(self, inputs: Tensor) -> Tensor:
        """Return the number of keys that have values, (batch,) int64; each has two."""
        return (decode_tokens(inputs) >= 3 + self.keys).sum(1) // 2

    def oracle(self, inputs: Tensor) -> Tensor:
        """Return the exact answers from the input alone, (batch, 2 + values, length)."""
        tokens = decode_tokens(inputs)
        if self.easy:
            answers = solve_locally(inputs, tokens, self.keys)
        else:
            stores, parity = solve_entries(inputs, tokens, self.keys)
            answers = join_answers(tokens, parity, choose_store(stores, parity))
        bits = read_questions(tokens, self.keys)[1].float()
        has_more = bits[:, -1:] > self.trained_bits
        return answers * ((bits > self.trained_bits) | ~has_more)[:, None]

    def certified(self, inputs: Tensor) -> Mapping[str, Tensor]:
        """Return the rules that prove a sequence to have one answer, (batch,) bool each."""
        tokens = decode_tokens(inputs)
        is_question, _ = read_questions(tokens, self.keys)
        stores, _ = solve_entries(inputs, tokens, self.keys)
        return {
            "each key in a question has two values": (stores.sum(2) == is_question[:, None]).all(2).all(1),
            "the two values of a key differ": (stores.prod(1) == 0).all(2).all(1),
            "at least one question": is_question.any(1),
        }

    def contents(self, inputs: Tensor, targets: Tensor) -> Mapping[str, Tensor]:
        """Return statistics of the sequences, (batch,) each."""
        return {
            "keys": self.count_keys(inputs),
            "questions": masked.query_mask(targets[:, PARITIES:]).sum(1).to(torch.float32),
        }

    def controls(self) -> Mapping[str, Control | Callable[..., nn.Module]]:
        """Return the solvers that lack the property."""
        return {
            "recall without parity": controls.RecallWithoutParity(self.keys),
            "parity without recall": controls.ParityWithoutRecall(self.keys),
            "window": build_causal_window,
        }


def select_questions(output: Tensor, target: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three without the classes of the parities: an answer is one of the values."""
    return output[:, PARITIES:], target[:, PARITIES:], inputs


def score_questions(output: Tensor, target: Tensor, inputs: Tensor) -> Tensor:
    """Return whether each value is correct, (batch, length); not a number where there is no question."""
    return masked.is_correct(*select_questions(output, target, inputs))
