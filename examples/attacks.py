"""Attack probes with solvers that lack their property, and print how far each comes above the printed floor.

    python examples/attacks.py    # writes examples/results/attacks.md too
    python examples/attacks.py state-tracking

The solvers share no code with probekit's battery. The floor is the best of the controls in closed form and of
the certificate that ships with the probe. An attack may come a quarter of the way from there to perfect.
Needs the extra `certify`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import attack_rules as rules
import numpy as np
import torch
from attackers import (
    Array,
    Attack,
    Neighbours,
    Places,
    Trees,
    list_general,
    read_sides,
    read_surroundings,
    read_window,
    swap_sides,
    to_numbers,
)

from probekit.catalog.registry import registry
from probekit.evidence.certify import Certificate
from probekit.plans.scale import make_probe_at
from probekit.plugin.controls import Constant
from probekit.plugin.interfaces import Metric
from probekit.scores.score import best_control_scores, better_score, score_closed_form, score_controls
from probekit.storage.result import normalize_score
from probekit_probes.nonlocality.distance import junction_distance

SCALE, ALLOWED = "quick", 0.25
PAGE = Path(__file__).with_name("results") / "attacks.md"


def find_between(first: int, last: int) -> Callable[[Array], Places]:
    """Return a function that finds the positions from `first` to before `last`."""

    def find(inputs: Array) -> Places:
        mask = np.zeros((len(inputs), inputs.shape[2]), bool)
        mask[:, first:last] = True
        return np.nonzero(mask)

    return find


def find_far(inputs: Array) -> Places:
    """Return the pixels of `nonlocality` at least five pixels from a junction."""
    tensor = torch.from_numpy(inputs)
    return np.nonzero(junction_distance(tensor, tensor).numpy() >= 5)


def find_middle(inputs: Array) -> Places:
    """Return the open pixels in the middle of `insideness`."""
    item, row, column = np.nonzero(inputs[:, 0, 12:20, 12:20])
    return item, row + 12, column + 12


def list_grouping() -> list[Attack]:
    """Return the attacks on `grouping`: small memories of the codes of an item."""
    fills: list[tuple[str, str, str, rules.Fill]] = [
        ("35 moments", "It keeps 35 sums per code.", "", rules.regress_codes(rules.make_monomials(4))),
        (
            "tree of 16 leaves per item",
            "It tells apart 16 boxes of colours.",
            "16 boxes are a coarse memory",
            rules.grow_tree(16),
        ),
        (
            "rank in red",
            "It compares no two colours.",
            "it pairs shown and masked positions",
            rules.pair_ranks,
        ),
    ]
    for count in (16, 32, 48):
        reason = f"{count} sums remember half of 64 colours or more" if count >= 32 else ""
        lacks = f"It keeps {count} sums per code, for 64 colours."
        fills.append((f"{count} random waves", lacks, reason, rules.regress_codes(rules.make_waves(count))))
    return [
        rules.ByRule(title, lacks, reason, partial(rules.fill_codes, fill))
        for title, lacks, reason, fill in fills
    ]


def list_hops() -> list[Attack]:
    """Return the attacks on `multi-hop`: one look-up that sees some pairs more."""
    return [
        rules.ByRule(
            f"look-up that sees {before} pairs before and {after} after",
            "It follows one edge; it knows a second one only if its pair is that near.",
            "" if before + after < 4 else "it sees half of the pairs, and follows two edges there",
            rules.look_around(before, after, 20),
        )
        for before, after in ((0, 0), (1, 1), (2, 2))
    ]


def list_moves() -> list[Attack]:
    """Return the attacks on `state-tracking`: the order of the last moves only."""
    lacks = "Of the moves before it knows how often each came, and no order."
    return [
        rules.LateOrder(f"last {window} moves in order, the others counted", lacks, window=window)
        for window in (6, 7, 8)
    ]


def list_depths() -> list[Attack]:
    """Return the attacks on `nonlocality`: larger windows, with and without counts."""

    def read_wide(inputs: Array, places: Places) -> Array:
        return np.concatenate([read_window(to_numbers(inputs), places, 4), np.stack(places[1:], 1)], 1)

    return [
        Trees("boosted trees: window of radius 4", "It sees no junction.", find=find_far, read=read_wide),
        Trees(
            "boosted trees: radius 4 and counts",
            "Beyond 4 pixels it knows counts: of the image, of its own row and column.",
            find=find_far,
            read=partial(read_surroundings, radius=4),
        ),
    ]


def list_sides() -> list[Attack]:
    """Return the attacks on `insideness`: what lies on the same side within a window."""
    return [
        Trees(
            f"sides in a window of radius {radius}, told the curve's height",
            f"It sees {radius} pixels around its own, and of the rest the height of the curve.",
            find=find_middle,
            read=partial(read_sides, radius=radius),
            swap=swap_sides,
        )
        for radius in (3, 4, 5)
    ]


def list_recall() -> list[Attack]:
    """Return the attacks on `recall`: memories of fewer pairs."""
    return [
        rules.ByRule(
            f"memory of {count} of up to 8 pairs",
            "It forgets all other keys.",
            "" if count < 3 else "it remembers half of the pairs of a mean sequence",
            rules.remember_pairs(count, 32),
        )
        for count in (0, 1, 2, 3)
    ]


def list_copies() -> list[Attack]:
    """Return the attacks on `selective-copying`: the first tokens, and tokens by their place."""
    lacks = "It counts no token; it weighs tokens by how late they come."
    by_count = [
        rules.ByRule(f"first {count} tokens", "It forgets all later tokens.", "", rules.copy_first(count))
        for count in (1, 2)
    ]
    return [*by_count, rules.ByRule("tokens by place", lacks, "", rules.copy_by_place)]


def list_bits() -> list[Attack]:
    """Return the attacks on `parity`: the last bits only."""
    return [
        rules.ByRule(
            f"parity of the last {bits} bits",
            f"It sees nothing more than {bits - 1} bits back.",
            "" if bits < 32 else "it counts modulo two over half of a sequence",
            rules.count_last(bits),
        )
        for bits in (16, 24, 32)
    ]


ATTACKS: dict[str, Callable[[], list[Attack]]] = {
    "grouping": lambda: [*list_general(lambda inputs: np.nonzero(~inputs[:, 3:].any(1))), *list_grouping()],
    "multi-hop": lambda: [*list_general(find_between(60, 76), 6), *list_hops()],
    "state-tracking": lambda: [*list_general(find_between(8, 16), 7), *list_moves()],
    "nonlocality": lambda: [*list_general(find_far, 2), *list_depths()],
    "insideness": lambda: [*list_general(find_middle, 5), *list_sides()],
    "recall": lambda: [*list_general(find_between(32, 48), 6), *list_recall()],
    "selective-copying": lambda: [*list_general(find_between(128, 136), 6), *list_copies()],
    "parity": lambda: [*list_general(find_between(0, 64), 6, "the count of ones has it"), *list_bits()],
    "fill": lambda: list_general(lambda inputs: np.nonzero(inputs[:, 1])),
    "rotation": lambda: [Neighbours("nearest five training items", "It knows training items by heart.")],
}
"""The attacks on each probe at scale quick."""


def measure_attacks(name: str) -> Iterator[str]:
    """Yield the rows of a probe."""
    probe = make_probe_at(name, SCALE, registry())
    train, test = probe.data("train", 0), probe.data("test", 0)
    metric = next(metric for metric in probe.metrics if metric.name == (probe.focus or probe.metrics[0].name))
    scores = [best_control_scores(probe, score_controls(probe, train, test))]
    certificate = Certificate.model_validate(probe.certificates[SCALE])
    floor = None
    for control in [*scores, *certificate.list_controls(probe.metrics).values()]:
        floor = better_score(metric, floor, control.get(metric.name))
    chance = score_closed_form(Constant(), probe, train, test, len(test))[metric.name]
    for attack in ATTACKS[name]():
        start = time.perf_counter()
        score = score_closed_form(attack, probe, train, test, len(test))[metric.name]
        print(f"{name}: {attack.name}: {score}, {time.perf_counter() - start:.0f} s", file=sys.stderr)
        yield describe_attack(name, metric, attack, (score, chance, floor))


def describe_attack(name: str, metric: Metric, attack: Attack, scores: Sequence[float | None]) -> str:
    """Return a row: what an attack reaches from chance and from the floor to perfect."""
    score, chance, floor = scores
    shares = [normalize_score(score, zero, metric.perfect) or 0.0 for zero in (chance, floor)]
    verdict = "holds" if shares[1] <= ALLOWED else "**passes**"
    if attack.borderline and shares[1] > ALLOWED:
        verdict = f"borderline: {attack.borderline}"
    numbers = f"{score:.4f} | {shares[0]:z.0%} | {floor:.4f} | {shares[1]:z.0%}"
    return f"| `{name}` | {attack.name} | {attack.lacks} | {numbers} | {verdict} |"


def list_lines(names: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the page."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scikit-learn"))
    yield f"# Attacks that the battery does not have, scale {SCALE}\n"
    yield f"`python examples/attacks.py`; {packages}, one CPU core. Scores are means over the test split.\n"
    yield "| probe | attack | what it lacks | score | from chance | floor | from the floor | |"
    yield "|---|---|---|---|---|---|---|---|"
    for name in names:
        yield from measure_attacks(name)


def main() -> None:
    """Print the page, and store it above its notes if it is about all probes."""
    torch.set_num_threads(1)
    lines = "\n".join(list_lines(sys.argv[1:] or list(ATTACKS)))
    print(lines)
    if not sys.argv[1:]:
        notes = PAGE.read_text(encoding="utf-8").partition("\n## ") if PAGE.exists() else ("", "", "")
        PAGE.write_text(f"{lines}\n{notes[1]}{notes[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
