"""Choosing leaves on a card what may be counted together: runs of one code, and of a seed one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from probekit.cards.cells import Stored
from probekit.cards.installed import acts_as
from probekit.cards.names import Names, is_control
from probekit.cards.rebuild import certifying, rebuild
from probekit.plans.plan import Plan
from probekit.storage.alike import answer_difference, answers_alike, asks_alike, asks_as, group_alike
from probekit.storage.behaviour import Numbers
from probekit.storage.result import Result


def of_one_probe(runs: Sequence[Stored], now: Numbers | None, left_out: list[str]) -> list[Stored]:
    """Return the runs that were asked alike: as the installed probe asks, or else as the newest was.

    The others are left out, each with the command that runs it again. now: the numbers of the probe that is
    installed, None where it is not.
    """
    groups, unknown = _group(runs, asks_alike)
    installed = [group for group in groups if now is not None and asks_as(group[0].result, now)]
    counted = (installed[0] if installed else _newest(groups)) + unknown
    for run in _others(runs, counted):
        left_out.append(_leave_out(run, f"probe {run.plan.asker.name}", ""))
    return counted


def of_one_code(runs: Sequence[Stored], names: Names, left_out: list[str]) -> list[Stored]:
    """Return the runs of a row whose structures and trainers act alike, likewise."""
    groups, unknown = _group(runs, answers_alike)
    installed = [group for group in groups if len(groups) > 1 and acts_as(names, group[0].result)]
    counted = (installed[0] if installed else _newest(groups)) + unknown
    for run in _others(runs, counted):
        differing = answer_difference(counted[0].result, run.result)
        used = (used for used in run.plan.components if used.kind != "probe")
        terms = ", ".join(f"{one.kind} {one.name}" for one in used)
        left_out.append(_leave_out(run, terms, f" ({differing})"))
    return counted


def _group(
    runs: Sequence[Stored], alike: Callable[[Result, Result], bool]
) -> tuple[list[list[Stored]], list[Stored]]:
    """Return groups of runs that are alike, and those that failed before anything was known of their code."""
    unknown = [run for run in runs if run.result.status == "failed" and not run.result.behaviour.probe]
    known = _others(runs, unknown)
    if not known:
        known, unknown = unknown, []
    return group_alike(known, lambda run, other: alike(run.result, other.result)), unknown


def _others(runs: Sequence[Stored], left: Sequence[Stored]) -> list[Stored]:
    """Return the runs that are none of these, told by their folders."""
    paths = {run.folder.path for run in left}
    return [run for run in runs if run.folder.path not in paths]


def _newest(groups: Sequence[list[Stored]]) -> list[Stored]:
    return max(groups, key=lambda group: max(run.made for run in group))


def _leave_out(run: Stored, names: str, differing: str) -> str:
    again = f"`{run_again(run.plan)}` runs it again"
    return f"{run.folder.path.name}: it is of other code of the {names}{differing}; {again}"


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
