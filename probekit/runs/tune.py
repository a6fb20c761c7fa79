"""Tuning chooses a learning rate on the validation split, from the same few for every structure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from probekit.catalog.grammar import Term, parse_term
from probekit.catalog.registry import Registry
from probekit.errors import RunError, UsageError
from probekit.plans.job import Job, make_job
from probekit.plans.spec import make_spec
from probekit.storage.result import Result

FACTORS = (0.333, 1.0, 3.0)
RATE = "lr"
CHOICE = "choice.json"


class Choice(BaseModel):
    """What was tried for one structure: the validation score by rate, and the rate chosen.

    metric: the headline. trainer: the text of the trainer with that rate. rejected: the identities of the
    runs with rates that were neither asked for nor chosen, which no card counts.
    """

    model_config = ConfigDict(frozen=True)

    probe: str
    structure: str
    metric: str
    tried: dict[float, float | None]
    rate: float
    trainer: str
    rejected: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say what was chosen, and from what."""
        scores = ", ".join(
            f"{rate:g}: {'failed' if score is None else f'{score:.4f}'}" for rate, score in self.tried.items()
        )
        chosen = f"lr {self.rate:g} chosen on validation {self.metric} ({scores})"
        return f"{self.structure} on {self.probe}: {chosen}"


def candidates(job: Job, known: Registry) -> list[Job]:
    """Return the job at a third of its learning rate, at it, and at three times it.

    Raises UsageError where the trainer has no `lr`.
    """
    asked = parse_term(job.plan.spec.trainer)
    rate = job.trainer.params.get(RATE)
    if not isinstance(rate, float | int):
        raise UsageError(f"--tune with trainer {asked.name!r}", "it has no lr to tune", "Leave --tune out.")
    found = []
    for factor in FACTORS:
        typed = (
            {**dict(asked.params), RATE: float(f"{rate * factor:.3g}")} if factor != 1 else dict(asked.params)
        )
        found.append(with_trainer(job, str(Term(asked.name, tuple(sorted(typed.items())))), known))
    return found


def with_trainer(job: Job, trainer: str, known: Registry) -> Job:
    """Return the job with another trainer."""
    return make_job(make_spec(**{**job.plan.spec.model_dump(), "trainer": trainer}), known)


def choose(jobs: Sequence[Job], results: Sequence[Result]) -> Choice:
    """Choose the best validation headline of candidates; raises RunError where none was scored."""
    metric = jobs[0].probe.metrics[0]
    by_plan = {result.plan.identity: result.validation.get(metric.name) for result in results}
    tried = {rate(job): by_plan.get(job.plan.identity) for job in jobs}
    scored = {rate(job): job for job in jobs if tried[rate(job)] is not None}
    spec = jobs[0].plan.spec
    if not scored:
        asked = f"tuning {spec.structure} on {spec.probe}"
        raise RunError(asked, "no rate could be scored", "See why the runs failed.")
    sign = 1 if metric.better == "lower" else -1
    best = min(scored, key=lambda one: sign * (tried[one] or 0.0))
    return Choice(
        probe=spec.probe,
        structure=spec.structure,
        metric=metric.name,
        tried=tried,
        rate=best,
        trainer=scored[best].plan.spec.trainer,
        rejected=tuple(
            job.plan.identity
            for factor, job in zip(FACTORS, jobs, strict=True)
            if factor != 1 and job is not scored[best]
        ),
    )


def rate(job: Job) -> float:
    """Return a job's learning rate."""
    return float(job.trainer.params[RATE] or 0.0)
