"""Loading restores the trained network of a stored run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.api.results import StoredResult
from probekit.catalog.expression import resolve_expression
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import resolve_part
from probekit.catalog.registry import registry
from probekit.plans.stored_plan import check_code, list_code
from probekit.plugin.errors import RunError, StoreError, UsageError
from probekit.plugin.interfaces import Probe
from probekit.runs import rng
from probekit.runs.network import join_state, restore_network
from probekit.runs.run import register_callable
from probekit.storage.folder import WEIGHTS, Folder
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch.nn import Module


def load(
    run: Result | str | Path,
    *,
    store: str | Path | None = None,
    allow_code: bool = False,
    structure: Callable[..., Module] | None = None,
) -> Module:
    """Return the trained network of a run, on the CPU and in eval mode.

    Args:
        run: a result of `probekit.run` or `probekit.results`, or the folder of a run.
        store: the folder of a store in which to search for the result instead.
        allow_code: whether to run the Python files that the run names; they must not have changed.
        structure: the callable that you passed to `probekit.run`, if it cannot be imported by its name.

    Shape:
        - Input of the network: (batch, inputs, *size), float32, as in the shape of the probe
        - Output of the network: (batch, outputs, *size)

    Raises:
        UsageError: there is no such run, or it names code that you did not allow.
        StoreError: the weights are corrupt, or the installed structure is another one.
        RunError: the run failed.
    """
    folder, result = find_run(run, store)
    plan = result.plan
    if files := list_code(plan):
        if not allow_code:
            hint = "Read that code, then pass allow_code=True."
            raise UsageError(f"loading {folder.path}", f"it names code to run: {', '.join(files)}", hint)
        check_code(plan)
    if result.status != "done":
        raise RunError(f"loading {folder.path}", f"it failed: {result.error}", "Run it again.")
    plugin_registry = registry() if structure is None else register_callable(structure, registry())[1]
    probe: Probe = resolve_part("probe", parse_term(plan.probe), plugin_registry).make()
    weights = join_state(*folder.read_tensors(WEIGHTS, result))
    expression = resolve_expression(plan.structure, probe.structure, plugin_registry)
    try:
        with rng.preserve_rng():
            return restore_network(expression, probe.shape, plan, weights)
    except RuntimeError as error:
        problem = "the installed structure is not the one that was trained"
        problem = result.restored if "cannot be loaded" in result.restored else problem
        raise StoreError(f"loading {folder.path}", problem, "Run it again.") from error


def find_run(run: Result | str | Path, store: str | Path | None) -> tuple[Folder, Result]:
    """Return the folder of a run and its result.

    Raises:
        UsageError: there is no such run.
    """
    root = Store(store)
    if isinstance(run, StoredResult) and store is None:
        run = run.folder
    if isinstance(run, Result):
        folders = (folder for folder in reversed(root.reruns(run.plan)) if folder.is_done())
        stored_runs = ((folder, folder.read_result()) for folder in folders)
        match = next((stored for stored in stored_runs if stored[1].weights == run.weights), None)
        if match is None:
            request = f"loading {run.plan.spec.structure} on {run.plan.spec.probe}"
            raise UsageError(request, f"it is not in {root.root}", "Pass store=, or the folder of the run.")
        return match
    folder = Folder(Path(run).expanduser().absolute())
    if not os.path.isdir(folder.path):
        raise UsageError(f"loading {run}", "there is no such folder", "`probekit runs` lists the folders.")
    return folder, folder.read_result()
