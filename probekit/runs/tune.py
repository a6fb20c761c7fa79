"""Tuning chooses a learning rate on the validation split, from the same few for every structure."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from probekit.catalog.expression import part
from probekit.catalog.grammar import Term, parse_term
from probekit.catalog.registry import Registry
from probekit.errors import RunError, UsageError
from probekit.interfaces import Metric
from probekit.plans.plan import Plan, make_plan, make_spec
from probekit.storage.result import Result

FACTORS = (0.333, 1.0, 3.0)
RATE = "lr"


class Choice(BaseModel):
    """What was tried for one structure: the validation score by rate, and the rate chosen.

    metric: the headline. trainer: the text of the trainer with that rate.
    """

    model_config = ConfigDict(frozen=True)

    probe: str
    structure: str
    metric: str
    tried: dict[float, float | None]
    rate: float
    trainer: str

    def sentence(self) -> str:
        """Say what was chosen, and from what."""
        scores = ", ".join(
            f"{rate:g}: {'failed' if score is None else f'{score:.4f}'}" for rate, score in self.tried.items()
        )
        chosen = f"lr {self.rate:g} chosen on validation {self.metric} ({scores})"
        return f"{self.structure} on {self.probe}: {chosen}"


def candidates(plan: Plan, known: Registry) -> list[Plan]:
    """Return the plan at a third of its learning rate, at it, and at three times it.

    Raises UsageError where the trainer has no `lr`.
    """
    asked = parse_term(plan.spec.trainer)
    params = dict(parse_term(plan.trainer).params)
    rate = params.get(RATE)
    if not isinstance(rate, float | int):
        raise UsageError(f"--tune with trainer {asked.name!r}", "it has no lr to tune", "Leave --tune out.")
    found = []
    for factor in FACTORS:
        typed = (
            {**dict(asked.params), RATE: float(f"{rate * factor:.3g}")} if factor != 1 else dict(asked.params)
        )
        found.append(with_trainer(plan, str(Term(asked.name, tuple(sorted(typed.items())))), known))
    return found


def with_trainer(plan: Plan, trainer: str, known: Registry) -> Plan:
    """Return the plan with another trainer."""
    return make_plan(make_spec(**{**plan.spec.model_dump(), "trainer": trainer}), known)


def choose(plans: Sequence[Plan], results: Sequence[Result], known: Registry) -> Choice:
    """Choose the best validation headline of candidates; raises RunError where none was scored."""
    metric: Metric = part("probe", parse_term(plans[0].probe), known).make().metrics[0]
    by_plan = {result.plan.identity: result.validation.get(metric.name) for result in results}
    tried = {rate(plan): by_plan.get(plan.identity) for plan in plans}
    scored = {rate(plan): plan for plan in plans if tried[rate(plan)] is not None}
    spec = plans[0].spec
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
        trainer=scored[best].spec.trainer,
    )


def rate(plan: Plan) -> float:
    """Return a plan's learning rate."""
    return float(dict(parse_term(plan.trainer).params)[RATE] or 0.0)
