"""An estimate says how long runs will take: by what such runs took, else by what their scale is known to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING

from probekit.cards.words import duration
from probekit.errors import StoreError

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.storage.store import Store


def estimate(jobs: Sequence[Job], store: Store) -> str:
    """Say how many of these runs are stored, and about how long the others take one by one."""
    took: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    stored = set()
    for _, found in store.results():
        if not isinstance(found, StoreError) and found.status == "done":
            plan = found.plan
            took[plan.probe, plan.structure, plan.trainer].append(found.seconds)
            stored.add(plan.identity)
    left = [job for job in jobs if job.plan.identity not in stored]
    known, unknown = 0.0, 0
    for job in left:
        plan, scale = job.plan, job.probe.scales.get(job.plan.scale)
        if before := took.get((plan.probe, plan.structure, plan.trainer)):
            known += mean(before)
        elif scale is not None and scale.seconds is not None:
            known += scale.seconds
        else:
            unknown += 1
    aside = f", and {unknown} of which nothing is known" if unknown else ""
    rest = f"; the others take about {duration(known)} of training one by one{aside}" if left else ""
    return f"{len(jobs)} runs, {len(jobs) - len(left)} stored{rest}."
