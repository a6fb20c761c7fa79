"""Texts are thrown at the grammar: each is read as itself or refused in a short sentence, and soon."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from faults.report import Trial, judged
from probekit.catalog.grammar import parse_expression
from probekit.plugin.errors import UsageError

PARTS = (
    "unet", "lambda", "+", "(", ")", "=", ",", "heads", "8", "0.5", "1e-3", "true", "none", "\"", "'", "\\",
    "/", ".", "./net.py:Net", "@0123456789abcdef", " ", "\n", "\0", "\x1b[2J", "é", "\u202e", "\ud800", "-",
    "inf", "1" * 50, "a" * 50,
)  # fmt: skip
SOON, SHORT = 1.0, 1000
"""Seconds that reading may take, and characters of the longest sentence."""


def texts(times: int, seed: int) -> Iterator[str]:
    """Yield texts of a few parts, of many, and of one part over and over."""
    chance = random.Random(f"{seed} words")
    for number in range(times):
        if number % 10 == 9:
            yield "a(b=" + chance.choice(PARTS) * chance.randrange(1, 40_000) + chance.choice(("x", ")", ""))
        else:
            yield "".join(
                chance.choice(PARTS) for _ in range(chance.randrange(1, 12 if number % 10 else 400))
            )


def of_grammar(times: int, seed: int) -> Iterator[Trial]:
    """Read texts: what is read must be written and read again as the same, and in no time."""
    for text in texts(times, seed):

        def same(text: str = text) -> bool:
            start, said = time.process_time(), None
            try:
                terms = parse_expression(text)
            except UsageError as error:
                said = error
            taken = time.process_time() - start
            if taken > SOON or len(str(said)) > SHORT:
                raise RuntimeError(f"{taken:.1f} s, and a sentence of {len(str(said))} characters")
            if said:
                raise said
            return parse_expression("+".join(map(str, terms))) == terms

        yield judged("grammar", "text", same)
