"""Estimated training time of jobs: from stored runs of the same kind, otherwise from their scale."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import mean
from typing import TYPE_CHECKING

from probekit.cards.formatting import format_duration
from probekit.plugin.errors import StoreError

if TYPE_CHECKING:
    from probekit.plans.job import Job
    from probekit.storage.store import Store


def describe_estimate(jobs: Sequence[Job], store: Store) -> str:
    """Return a sentence: how many jobs are stored, and how long the others take if they run one by one."""
    stored_seconds: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    stored_plans = set()
    for _, result in store.read_results():
        if not isinstance(result, StoreError) and result.status == "done":
            plan = result.plan
            stored_seconds[plan.probe, plan.structure, plan.trainer].append(result.seconds)
            stored_plans.add(plan.identity)
    missing = [job for job in jobs if job.plan.identity not in stored_plans]
    total, unknown = 0.0, 0
    for job in missing:
        plan, scale = job.plan, job.probe.scales.get(job.plan.scale)
        if seconds := stored_seconds.get((plan.probe, plan.structure, plan.trainer)):
            total += mean(seconds)
        elif scale is not None and scale.seconds is not None:
            total += scale.seconds
        else:
            unknown += 1
    aside = f", plus {unknown} of unknown duration" if unknown else ""
    rest = (
        f"; the others take about {format_duration(total)} of training one by one{aside}" if missing else ""
    )
    return f"{len(jobs)} runs, {len(jobs) - len(missing)} stored{rest}."
