"""Rebuilding is said in commands: those that run stored plans again."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator

from probekit.cards.words import written
from probekit.plans.plan import Plan
from probekit.plans.spec import RunSpec


def rebuild(plans: Iterable[Plan]) -> Iterator[str]:
    """Yield the commands that run these plans again: one for all structures and seeds asked alike."""
    asked: dict[tuple[str, ...], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for plan in plans:
        spec = plan.spec
        words, trainer = [written(spec.probe), "--scale", spec.scale], written(spec.trainer)
        words += [] if trainer == RunSpec.model_fields["trainer"].default else ["--trainer", trainer]
        words += ["--width", str(spec.width)] if spec.width is not None else []
        words += ["--budget", str(spec.budget)] if spec.budget is not None else []
        asked[tuple(words)][written(spec.structure)].add(spec.seed)
    for settings, structures in sorted(asked.items()):
        alike: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for structure, run in structures.items():
            alike[tuple(sorted(run))].append(structure)
        for seeds, names in alike.items():
            options = [word for name in sorted(names) for word in ("-s", name)]
            counted = seeds == tuple(range(len(seeds)))
            for ending in [["--seeds", str(len(seeds))]] if counted else [["--seed", str(n)] for n in seeds]:
                yield shlex.join(["probekit", "run", settings[0], *options, *settings[1:], *ending])


def certifying(probe: str, scale: str) -> str:
    """Return the command that certifies a probe at a scale, and runs its controls."""
    return shlex.join(["probekit", "certify", probe, "--scale", scale])
