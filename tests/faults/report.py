"""A trial is one fault and what came of it; a table counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from probekit.plugin.errors import ProbekitError

Outcome = Literal["refused", "harmless", "accepted wrong", "lost"]
COLUMNS: tuple[Outcome, ...] = ("refused", "harmless", "accepted wrong", "lost")
BAD = frozenset({"accepted wrong", "lost"})


@dataclass(frozen=True, slots=True)
class Trial:
    """What was damaged, how, and what came of it; said: what to know of a bad one."""

    part: str
    how: str
    outcome: Outcome
    said: str = ""


def judged(part: str, how: str, act: Callable[[], bool]) -> Trial:
    """Try something: it is refused in a sentence, or tells whether what it found is what was there before.

    Anything raised that is no ProbekitError is a loss: the command would end in a traceback.
    """
    try:
        same = act()
    except ProbekitError as error:
        return Trial(part, how, "refused", str(error))
    except Exception as error:
        return Trial(part, how, "lost", f"{type(error).__name__}: {error}"[:300])
    return Trial(part, how, "harmless" if same else "accepted wrong")


def table(trials: Iterable[Trial]) -> str:
    """Return a Markdown table: a row a part, and how many trials came to what."""
    counted: dict[str, Counter[str]] = {}
    for trial in trials:
        counted.setdefault(trial.part, Counter())[trial.outcome] += 1
    lines = [f"| what | tried | {' | '.join(COLUMNS)} |", f"|---|---{'|---' * len(COLUMNS)}|"]
    for part, found in counted.items():
        cells = [str(sum(found.values())), *(str(found[column]) for column in COLUMNS)]
        lines.append(f"| {part} | {' | '.join(cells)} |")
    return "\n".join(lines)


def bad(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials that should not be."""
    return [trial for trial in trials if trial.outcome in BAD]
