"""Running puts a structure to a probe, over one seed or several, and shows how far it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, overload

from probekit.api.results import Results
from probekit.catalog.registry import registry
from probekit.cli.progress import Progress
from probekit.errors import RunError, UsageError
from probekit.plans.job import make_job
from probekit.plans.spec import make_spec
from probekit.runs import generators
from probekit.runs.run import carry_out, named
from probekit.storage.result import Result
from probekit.storage.store import Store

if TYPE_CHECKING:
    from torch.nn import Module


class Asked(TypedDict, total=False):
    """What may be given besides probe, structure and seeds."""

    scale: str
    seed: int
    trainer: str
    width: int | None
    budget: int | None
    device: str | None
    store: str | Path | None
    force: bool
    timeout: float | None


@overload
def run(
    probe: str, structure: str | Callable[..., Module], *, seeds: None = ..., **asked: Unpack[Asked]
) -> Result: ...


@overload
def run(
    probe: str, structure: str | Callable[..., Module], *, seeds: int, **asked: Unpack[Asked]
) -> Results: ...


def run(
    probe: str,
    structure: str | Callable[..., Module],
    *,
    scale: str = "quick",
    seed: int = 0,
    seeds: int | None = None,
    trainer: str = "supervised",
    width: int | None = None,
    budget: int | None = None,
    device: str | None = None,
    store: str | Path | None = None,
    force: bool = False,
    timeout: float | None = None,
) -> Result | Results:
    """Put a structure to a probe and return the result, from the store where it is there.

    probe, trainer: a name, with parameters in brackets, as "nonlocality(size=64)". structure: an expression
    such as "unet+lambda+pe", or any callable that builds a torch.nn.Module; of `shape` and `width` it is
    given what it takes. A callable that cannot be imported by its name (a lambda, a partial, a closure) is
    run anew each time. seeds: run seeds 0 to seeds - 1 and return Results. timeout: seconds that each may
    take. A bar on the terminal, or in a notebook, shows how far it is.
    Raises UsageError for what cannot be meant, StoreError where the store refuses, RunError where one fails.
    """
    if seeds is not None and (seeds < 1 or seed):
        found = "there is nothing to run" if seeds < 1 else "they exclude each other"
        raise UsageError(f"seeds={seeds}, seed={seed}", found, "Give seeds=3, or seed=3, alone.")
    expression, known = named(structure, registry())
    spec = make_spec(
        probe=probe, structure=expression, scale=scale, seed=seed, trainer=trainer, width=width, budget=budget
    )
    found_all = []
    with generators.kept(), Progress(seeds or 1) as progress:
        first = make_job(spec, known)
        for number in [seed] if seeds is None else range(seeds):
            outcome = carry_out(
                first.seeded(number),
                known,
                device=device,
                store=Store(store),
                force=force,
                watch=progress.watch,
                timeout=timeout,
            )
            if outcome.result.status == "failed":
                asked = f"running {expression} on {probe}, seed {number}"
                raise RunError(asked, outcome.result.error, f"See {outcome.folder.path}.")
            found_all.append(outcome.result)
    return found_all[0] if seeds is None else Results(found_all)
