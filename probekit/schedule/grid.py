"""A grid is all combinations of probes, structures and seeds, planned as jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from probekit.catalog.registry import Registry
from probekit.plugin.errors import ProbekitError, UsageError, describe_error

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.plans.spec import RunSpec

MAX_RUNS = 10_000
"""Runs of one command."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The jobs of a command.

    Attributes:
        jobs: probe by probe, seed by seed, then structure by structure.
        errors: why some pairs of probe and structure could not be planned.
    """

    jobs: list[Job]
    errors: list[ProbekitError]


def plan_grid(
    probes: Sequence[str],
    structures: Sequence[str],
    seeds: Sequence[int],
    options: dict[str, Any],
    registry: Registry,
) -> Grid:
    """Plan every structure on every probe, each pair once for all seeds.

    Args:
        probes: texts such as `nonlocality(size=64)`.
        structures: expressions such as `unet+lambda`.
        seeds: of each pair.
        options: the other fields of a RunSpec: scale, trainer, width, budget, metrics.
        registry: where components come from.

    Raises:
        UsageError: if a text names nothing, or there are too many runs.
        ProbekitError: if not one pair can be planned.
    """
    from probekit.plans.job import make_job
    from probekit.plans.spec import make_spec

    count = seeds.stop if isinstance(seeds, range) else len(seeds)  # len() of a range may overflow
    if (runs := len(probes) * len(structures) * count) > MAX_RUNS:
        excess = f"that is {runs:,} runs, and one command takes {MAX_RUNS:,} at the most"
        raise UsageError(f"{count:,} seeds", excess, "Type fewer seeds, structures or probes.")
    first_jobs: dict[tuple[str, str], Job] = {}
    errors: list[ProbekitError] = []
    for probe, structure in product(probes, structures):
        try:
            spec = make_spec(probe=probe, structure=structure, seed=seeds[0], **options)
            first_jobs[probe, structure] = make_job(spec, registry)
        except (UsageError, KeyboardInterrupt):
            raise
        except ProbekitError as error:
            errors.append(error)
        except BaseException as error:  # one structure's code, which is no reason to leave out the others
            hint = "`probekit check` may tell more; --debug shows where."
            errors.append(ProbekitError(f"planning {structure} on {probe}", describe_error(error), hint))
    if errors and not first_jobs:
        raise errors[0]
    jobs: dict[RunSpec, Job] = {}
    for probe, seed, structure in product(probes, seeds, structures):
        if (probe, structure) in first_jobs:
            job = first_jobs[probe, structure].with_seed(seed)
            jobs.setdefault(job.plan.spec, job)
    return Grid(list(jobs.values()), errors)
