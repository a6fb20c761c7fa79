"""Selection of the runs that a card may count together: of one code, and one run per seed."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from probekit.cards.aggregate import StoredRun
from probekit.cards.installed import behaves_as_installed
from probekit.cards.names import Names, is_control
from probekit.plans.plan import Plan, strip_hashes
from probekit.plans.rerun_commands import certify_command, list_rerun_commands
from probekit.plans.spec import EASY, is_easy_probe, make_easy_probe
from probekit.plugin.errors import StoreError
from probekit.schedule.choice import rejected_rates
from probekit.storage.behaviour import Numbers
from probekit.storage.equivalence import (
    describe_setup_difference,
    group_equivalent,
    has_same_probe,
    has_same_setup,
    matches_probe,
)
from probekit.storage.folder import RESULT, WEIGHTS, Folder
from probekit.storage.result import Result
from probekit.storage.store import Store


def read_runs(
    store: Store, names: Names, scale: str | None, left_out: list[str]
) -> dict[tuple[str, str, str], list[StoredRun]]:
    """Return the runs that belong on a card, by question: probe, version and scale."""
    questions: dict[tuple[str, str, str], list[StoredRun]] = defaultdict(list)
    rejected = frozenset(rejected_rates(store, left_out))
    for folder, result in store.read_results():
        if isinstance(result, StoreError):
            left_out.append(f"{folder.path.name}: {result.problem}")
        elif not any(used.kind == "probe" for used in result.plan.components):
            left_out.append(f"{folder.path.name}: it names no probe")
        elif result.plan.identity in rejected:
            left_out.append(f"{folder.path.name}: --tune tried its learning rate and chose another")
        elif names.is_wanted(result.plan, scale):
            try:
                folder.check_files(result, skip=WEIGHTS)
            except StoreError as error:
                left_out.append(f"{folder.path.name}: {error.problem}")
            else:
                questions[result.plan.column_key].append(StoredRun(result, folder))
    return questions


def select_one_probe(runs: Sequence[StoredRun], installed: Numbers, left_out: list[str]) -> list[StoredRun]:
    """Select the runs of the installed probe, or else those of the same probe as the newest run.

    Args:
        runs: Runs of one question.
        installed: Numbers of the installed probe, empty if it is not installed.
        left_out: Receives a line for each other run, with the command that runs it again.
    """
    selected = _select_group(
        runs, has_same_probe, lambda result: matches_probe(result.behaviour.probe, installed)
    )
    for run in _exclude_runs(runs, selected):
        left_out.append(_explain_exclusion(run, f"probe {run.plan.probe_component.name}", ""))
    return selected


def select_one_code(runs: Sequence[StoredRun], names: Names, left_out: list[str]) -> list[StoredRun]:
    """Select the runs of a row whose structure and trainer behave as installed, or else as the newest run."""
    selected = _select_group(runs, has_same_setup, lambda result: behaves_as_installed(names, result))
    for run in _exclude_runs(runs, selected):
        difference = describe_setup_difference(selected[0].result, run.result)
        components = (used for used in run.plan.components if used.kind != "probe")
        terms = ", ".join(f"{component.kind} {component.name}" for component in components)
        left_out.append(_explain_exclusion(run, terms, f" ({difference})"))
    return selected


def newest_per_seed(runs: Iterable[StoredRun], left_out: list[str]) -> dict[int, StoredRun]:
    """Return the newest run of each seed."""
    by_seed: dict[int, StoredRun] = {}
    for run in sorted(runs, key=lambda run: run.age_key):
        if (older := by_seed.get(run.plan.seed)) is not None:
            left_out.append(f"{older.folder.path.name}: {run.folder.path.name} is newer, of the same seed")
        by_seed[run.plan.seed] = run
    return dict(sorted(by_seed.items()))


class EasyRuns:
    """The stored runs of matched easy tasks. Each store is read once, when they are first asked for."""

    def __init__(self) -> None:
        self._by_store: dict[Path, list[StoredRun]] = {}

    def find(self, run: StoredRun) -> list[StoredRun]:
        """Return those of a run's matched easy task, by the same structure, width, recipe and scale."""
        plan, root = run.plan, run.folder.path.parent
        if is_easy_probe(plan.probe):
            return []
        if root not in self._by_store:
            self._by_store[root] = list(read_easy_runs(root))
        key = (strip_hashes(make_easy_probe(plan.probe)), plan.scale, *plan.row_key)
        return [
            easy
            for easy in self._by_store[root]
            if (strip_hashes(easy.plan.probe), easy.plan.scale, *easy.plan.row_key) == key
        ]


def read_easy_runs(root: Path) -> Iterator[StoredRun]:
    """Yield the done runs of easy tasks in a store, by folder."""
    mark = f"{EASY}=true".encode()
    for path in sorted(root.glob(f"*/{RESULT}")):
        folder = Folder(path.parent)
        with contextlib.suppress(StoreError, OSError):
            if mark in path.read_bytes() and (result := folder.read_result()).status == "done":
                yield StoredRun(result, folder)


def rerun_command(plan: Plan) -> str:
    """Return the command that runs a plan again; `certify` runs the controls."""
    return (
        certify_command(plan.spec.probe, plan.scale)
        if is_control(plan)
        else next(list_rerun_commands([plan]))
    )


def _select_group(
    runs: Sequence[StoredRun],
    alike: Callable[[Result, Result], bool],
    is_installed: Callable[[Result], bool],
) -> list[StoredRun]:
    """Return the runs that are like the installed code, else like the newest run.

    Runs that failed before their code was known are among them.
    """
    unknown = [run for run in runs if run.result.status == "failed" and not run.result.behaviour.probe]
    observed = _exclude_runs(runs, unknown) or unknown
    groups = group_equivalent(observed, lambda run, member: alike(run.result, member.result))
    newest = max(groups, key=lambda group: max(run.age_key for run in group))
    matching = (group for group in groups if len(groups) > 1 and is_installed(group[0].result))
    selected = next(matching, newest)
    return selected if observed is unknown else selected + unknown


def _exclude_runs(runs: Sequence[StoredRun], excluded: Sequence[StoredRun]) -> list[StoredRun]:
    """Return the runs whose folders are not among the excluded."""
    paths = {run.folder.path for run in excluded}
    return [run for run in runs if run.folder.path not in paths]


def _explain_exclusion(run: StoredRun, names: str, difference: str) -> str:
    command = f"`{rerun_command(run.plan)}` runs it again"
    return f"{run.folder.path.name}: it used other code of the {names}{difference}; {command}"
