"""The table of all single changes, and what came of them: `python tests/changes/table.py` tries and counts them."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from changes import harmless, nets, outside, places, questions, recipes
from changes.ask import asker
from changes.case import Found, try_case

CASES = (
    *nets.PLAIN,
    *nets.TRAINED,
    *places.READ,
    *places.NOTEBOOK,
    *places.PACKAGES,
    *questions.CASES,
    *recipes.CASES,
    *harmless.CASES,
    *outside.CASES,
)
QUICK = frozenset({
    "a lambda picked from a table by its key",
    "what is done in eval mode alone",
    "the momentum of a batch norm",
    "conf.json, from which a class takes its gain",
    "an argument that a partial binds to a class",
    "a module of the package",
    "a metric by way of a shared module",
    "a control that needs more than a few items",
    "a schedule",
    "a comment",
    "a faster mean",
    "a trainer's docstring",
})  # fmt: skip
"""Those that the quick tests try."""
KNOWN_NEEDLESS = {
    "the file, moved to another folder and pinned": "where a file lies is part of what is asked",
}


def main() -> None:
    """Try all cases, and print what came of them by kind, and by name what was not expected."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    odd: list[Found] = []
    with asker() as one:
        for case in CASES:
            with tempfile.TemporaryDirectory() as work:
                found = try_case(case, Path(work), one)
            counts[case.kind][found.outcome] += 1
            if not found.as_expected or case.expect == "outside":
                odd.append(found)
            print(f"{found.outcome:8}  {case}", flush=True)
    outcomes = sorted({outcome for count in counts.values() for outcome in count})
    print(f"\n{'kind':32}{''.join(f'{outcome:>10}' for outcome in outcomes)}")
    for kind, count in counts.items():
        print(f"{kind:32}{''.join(f'{count[outcome]:10}' for outcome in outcomes)}")
    for found in odd:
        print(f"{found.outcome}: {found.case}: {found.case.why or found.said}")


if __name__ == "__main__":
    main()
