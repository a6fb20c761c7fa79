"""Commands that run stored plans again."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator

from probekit.plans.plan import Plan
from probekit.plans.spec import RunSpec, format_expression


def list_rerun_commands(plans: Iterable[Plan]) -> Iterator[str]:
    """Yield commands that run these plans again; structures and seeds with equal options share one."""
    requests: dict[tuple[str, ...], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for plan in plans:
        spec = plan.spec
        words, trainer = (
            [format_expression(spec.probe), "--scale", spec.scale],
            format_expression(spec.trainer),
        )
        words += [] if trainer == RunSpec.model_fields["trainer"].default else ["--trainer", trainer]
        words += ["--width", str(spec.width)] if spec.width is not None else []
        words += ["--budget", str(spec.budget)] if spec.budget is not None else []
        words += [word for metric in spec.metrics for word in ("--metric", metric)]
        requests[tuple(words)][format_expression(spec.structure)].add(spec.seed)
    for settings, structures in sorted(requests.items()):
        by_seeds: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for structure, structure_seeds in structures.items():
            by_seeds[tuple(sorted(structure_seeds))].append(structure)
        for seeds, names in by_seeds.items():
            options = [word for name in sorted(names) for word in ("-s", name)]
            consecutive = seeds == tuple(range(len(seeds)))
            single = [["--seed", str(seed)] for seed in seeds]
            for ending in [["--seeds", str(len(seeds))]] if consecutive else single:
                yield shlex.join(["probekit", "run", settings[0], *options, *settings[1:], *ending])


def certify_command(probe: str, scale: str) -> str:
    """Return the command that certifies a probe at a scale, and runs its controls."""
    return shlex.join(["probekit", "certify", probe, "--scale", scale])
