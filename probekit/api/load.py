"""Loading gives a trained network back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from probekit.catalog.expression import resolve
from probekit.catalog.grammar import parse_term
from probekit.catalog.part import part
from probekit.catalog.registry import registry
from probekit.errors import RunError, StoreError, UsageError
from probekit.interfaces import Probe
from probekit.plans.stored import code_in, hold
from probekit.runs import generators
from probekit.runs.network import together, trained
from probekit.runs.run import named
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

    run: a result, looked for in `store`, or a run's folder. It maps float32 (batch, inputs, *size) to
    (batch, outputs, *size), as the probe's shape says. allow_code: run the Python files that the run names,
    if they are those that were run. structure: the callable that was given to `run`, where it was none that
    can be found by name. Raises UsageError where code is not allowed or there is no such run, StoreError
    where the weights are not as they were stored, RunError where the run failed.
    """
    folder, result = found(run, store)
    plan = result.plan
    if files := code_in(plan):
        if not allow_code:
            hint = "Read that code; then give allow_code=True."
            raise UsageError(f"loading {folder.path}", f"it names code to run: {', '.join(files)}", hint)
        hold(plan)
    if result.status != "done":
        raise RunError(f"loading {folder.path}", f"it failed: {result.error}", "Run it again.")
    known = registry() if structure is None else named(structure, registry())[1]
    probe: Probe = part("probe", parse_term(plan.probe), known).make()
    weights = together(*folder.read_tensors(WEIGHTS, result))
    expression = resolve(plan.structure, probe.structure, known)
    try:
        with generators.kept():
            return trained(expression, probe.shape, plan, weights)
    except RuntimeError as error:
        found_out = "the structure that is installed now is another than the one that was trained"
        found_out = result.restored if "cannot be loaded" in result.restored else found_out
        raise StoreError(f"loading {folder.path}", found_out, "Run it again.") from error


def found(run: Result | str | Path, store: str | Path | None) -> tuple[Folder, Result]:
    """Return the folder of a run and its result. Raises UsageError where there is none."""
    root = Store(store)
    if isinstance(run, Result):
        folders = (folder for folder in reversed(root.twins(run.plan)) if folder.is_done())
        stored = ((folder, folder.read_result()) for folder in folders)
        match = next((one for one in stored if one[1].weights == run.weights), None)
        if match is None:
            asked = f"loading {run.plan.spec.structure} on {run.plan.spec.probe}"
            raise UsageError(asked, f"{root.root} does not hold it", "Give store=, or the run's folder.")
        return match
    folder = Folder(Path(run).expanduser().absolute())
    if not os.path.isdir(folder.path):
        raise UsageError(
            f"loading {run}", "there is no such folder", "`probekit runs` lists those there are."
        )
    return folder, folder.read_result()
