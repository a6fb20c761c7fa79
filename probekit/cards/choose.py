"""Choosing leaves on a card what may be counted together: runs of one source, and of a seed one run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probekit.cards.cells import Stored
from probekit.cards.names import Names, is_control
from probekit.cards.rebuild import certifying, rebuild
from probekit.plans.plan import Plan

Code = tuple[str, ...]
"""What stands for the code of several components."""


def asking(plan: Plan) -> Code:
    """Return what stands for the code of a run's probe; a file's hash is in its text."""
    return plan.probe, plan.asker.code


def answering(plan: Plan) -> Code:
    """Return what stands for the code of a run's structure, its layers and encodings, and its trainer."""
    return tuple(used.code for used in plan.components if used.kind != "probe")


def of_one_probe(several: Sequence[Stored], now: Code | None, left_out: list[str]) -> list[Stored]:
    """Return the runs of one source of their probe, given which is installed; of none of it the newest's.

    The others are left out, each with the command that runs it again.
    """
    return _of_one([asking(one.plan) for one in several], several, now, left_out)


def of_one_code(several: Sequence[Stored], names: Names, host: str, left_out: list[str]) -> list[Stored]:
    """Return the runs of a row that were answered by one code, likewise; host: the probe's structure."""
    codes = [answering(one.plan) for one in several]
    if len(set(codes)) == 1:  # what is installed is read from files
        return list(several)
    plan = several[0].plan
    return _of_one(codes, several, names.answering_now(plan.structure, plan.trainer, host), left_out)


def _of_one(
    codes: Sequence[Code], several: Sequence[Stored], now: Code | None, left_out: list[str]
) -> list[Stored]:
    if len(set(codes)) < 2:
        return list(several)
    newest = max(range(len(several)), key=lambda place: several[place].made)
    counted = codes.index(now) if now in codes else newest
    for code, one in zip(codes, several, strict=True):
        if code != codes[counted]:
            what = changed(one.plan, several[counted].plan)
            again = f"`{run_again(one.plan)}` runs it again"
            left_out.append(f"{one.folder.path.name}: it is of another source of the {what}; {again}")
    return [one for code, one in zip(codes, several, strict=True) if code == codes[counted]]


def changed(plan: Plan, counted: Plan) -> str:
    """Return which component of a plan is of another source than in the plan that is counted."""
    if asking(plan) != asking(counted):
        return f"probe {plan.asker.name}"
    there = {(used.kind, used.name, used.code) for used in counted.components}
    return ", ".join(
        f"{used.kind} {used.name}"
        for used in plan.components
        if (used.kind, used.name, used.code) not in there
    )


def run_again(plan: Plan) -> str:
    """Return the command that runs a plan again; controls are run by certify."""
    return certifying(plan.spec.probe, plan.scale) if is_control(plan) else next(rebuild([plan]))


def seeds(found: Iterable[Stored], left_out: list[str]) -> dict[int, Stored]:
    """Return the runs by seed; of two of one seed the newest."""
    kept: dict[int, Stored] = {}
    for one in sorted(found, key=lambda one: one.made):
        if (older := kept.get(one.plan.seed)) is not None:
            left_out.append(f"{older.folder.path.name}: {one.folder.path.name} is newer, of the same seed")
        kept[one.plan.seed] = one
    return dict(sorted(kept.items()))
