"""`probekit.run` puts structures to probes, and shows how far the runs are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast, overload

from probekit.api.results import Results, StoredResult, attach_folders
from probekit.catalog.registry import registry as installed_registry
from probekit.evidence.deciding.looks import LOOKS
from probekit.plans.job import make_job
from probekit.plans.spec import SEEDS, make_spec
from probekit.plugin.errors import RunError, UsageError
from probekit.runs import rng
from probekit.runs.run import register_callable
from probekit.schedule.event import Event
from probekit.schedule.schedule import Schedule
from probekit.storage.store import Store
from probekit.terminal.follow import follow_schedule
from probekit.terminal.messages import print_error
from probekit.terminal.until_decided import follow_until_decided

if TYPE_CHECKING:
    from torch.nn import Module

    from probekit.catalog.registry import Registry
    from probekit.plans.job import Job

    Structure = str | Callable[..., Module]


class Options(TypedDict, total=False):
    """What may be given besides probe, structure and seeds."""

    scale: str
    seed: int
    trainer: str
    width: int | None
    budget: int | None
    metrics: Sequence[str]
    device: str | None
    store: str | Path | None
    force: bool
    timeout: float | None
    jobs: int | None
    threads: int | None
    minutes: float | None


@overload
def run(
    probe: str, structure: Structure, *, seeds: None = ..., **options: Unpack[Options]
) -> StoredResult: ...


@overload
def run(
    probe: str | list[str],
    structure: Structure | Sequence[Structure],
    *,
    seeds: int | Sequence[int],
    **options: Unpack[Options],
) -> Results: ...


@overload
def run(
    probe: list[str], structure: Structure | Sequence[Structure], **options: Unpack[Options]
) -> Results: ...


@overload
def run(probe: str, structure: list[Structure] | list[str], **options: Unpack[Options]) -> Results: ...


@overload
def run(
    probe: str | list[str],
    structure: Structure | Sequence[Structure],
    *,
    until: Literal["decided"],
    seeds: int | Sequence[int] | None = ...,
    **options: Unpack[Options],
) -> Results: ...


def run(
    probe: str | list[str],
    structure: Structure | Sequence[Structure],
    *,
    scale: str = "quick",
    seed: int = 0,
    seeds: int | Sequence[int] | None = None,
    trainer: str = "supervised",
    width: int | None = None,
    budget: int | None = None,
    metrics: Sequence[str] = (),
    device: str | None = None,
    store: str | Path | None = None,
    force: bool = False,
    timeout: float | None = None,
    jobs: int | None = None,
    threads: int | None = None,
    until: Literal["decided"] | None = None,
    minutes: float | None = None,
) -> StoredResult | Results:
    """Put a structure to a probe and return the result, from the store if it is there.

    A bar on the terminal or in a notebook shows how far the run is.

    Args:
        probe: a name with parameters, such as "nonlocality(size=64)", or a list of them.
        structure: an expression such as "unet+lambda+pe", or a callable that builds a torch.nn.Module (of
            `shape` and `width` it gets what it takes), or a list of them. A callable that cannot be imported
            by its name (a lambda, a partial, a closure) is trained anew each time.
        scale: one of the probe's scales.
        seed: of weights, order and training set.
        seeds: run seeds 0 to seeds - 1 instead, or those of a list.
        trainer: a name with parameters, such as "supervised(epochs=20)".
        width: channels; the scale's by default.
        budget: parameters to come near to, instead of a width.
        metrics: metrics of plugins, which are scored too.
        device: "cpu", "cuda" or "mps"; the fastest there is by default.
        store: the folder of results; $PROBEKIT_HOME or ./probekit-runs by default.
        force: train anew beside what is stored.
        timeout: seconds that each run may take.
        jobs: runs at once; by default as many as there are cores, or GPUs. Callables run one by one.
        threads: of each run; by default what OMP_NUM_THREADS says, else one.
        until: "decided" adds seeds to the first ones (3 by default) until verdicts are decided, up to 10.
        minutes: how long that may take.

    Returns:
        The result, with its folder and verdict; Results where `seeds`, `until`, or a list of probes or
        structures, is given.

    Raises:
        UsageError: if an argument names nothing or has a wrong value.
        StoreError: if the store cannot be read or written.
        RunError: if a run fails.
    """
    if until not in (None, "decided") or (minutes is not None and until is None):
        hint = 'Pass until="decided", with or without minutes=30.'
        raise UsageError(f"until={until!r}, minutes={minutes}", "nothing says when to stop", hint)
    if until and seeds is None:
        seeds = LOOKS[0]
    numbers = choose_seeds(seed, seeds)
    probes = list(probe) if isinstance(probe, list | tuple) else [probe]
    structures = cast("list[Structure]", structure if isinstance(structure, list | tuple) else [structure])
    has_callables = not all(isinstance(item, str) for item in structures)
    schedule = Schedule(
        Store(store),
        device=device,
        force=force,
        timeout=timeout,
        jobs=1 if has_callables else jobs,
        threads=threads,
    )
    fields = {"scale": scale, "seed": seed, "trainer": trainer, "width": width, "budget": budget}
    fields["metrics"] = tuple(metrics)
    with rng.preserve_rng():
        planned_jobs, registry = plan_jobs(probes, structures, numbers, fields)
        complaints = len(registry.complaints)
        if until:
            report = follow_until_decided(schedule, planned_jobs, registry, minutes)
        else:
            report = follow_schedule(schedule, planned_jobs, registry)
    for complaint in registry.complaints[complaints:]:
        print_error(complaint)
    if report.interruption:
        raise report.interruption
    for event in report.events:
        check_event(event)
    runs = [(event.folder, event.result) for event in report.events if event.folder and event.result]
    results = attach_folders(runs, schedule.store, registry)
    is_single = not isinstance(probe, list | tuple) and not isinstance(structure, list | tuple)
    return results[0] if is_single and seeds is None else Results(results)


def choose_seeds(seed: int, seeds: int | Sequence[int] | None) -> list[int]:
    """Return the seeds to run.

    Raises:
        UsageError: there are none, one is no seed, or both arguments are given.
    """
    if seeds is None:
        return [seed]
    hint = "Pass only one of them: seeds=3, seeds=[0, 1] or seed=3."
    is_number = isinstance(seeds, int) and not isinstance(seeds, bool)
    if not is_number and (isinstance(seeds, str | bool) or not isinstance(seeds, Iterable)):
        raise UsageError(f"seeds={seeds!r}", "it is neither a whole number nor a list of them", hint)
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if seed or not numbers:
        reason = "they exclude each other" if seed else "there is nothing to run"
        raise UsageError(f"seeds={seeds}, seed={seed}", reason, hint)
    for number in numbers:
        if not isinstance(number, Integral) or isinstance(number, bool) or not 0 <= number < SEEDS:
            reason = f"{number!r} is not a whole number from 0 to {SEEDS - 1}"
            raise UsageError(f"seeds={seeds!r}", reason, "Pass seeds=3 or seeds=[0, 1].")
    return [int(number) for number in numbers]


def plan_jobs(
    probes: Sequence[str], structures: Sequence[Structure], seeds: Sequence[int], fields: dict[str, Any]
) -> tuple[list[Job], Registry]:
    """Plan every structure on every probe; return the jobs and a registry that knows them all."""
    registry, jobs = installed_registry(), []
    for structure in structures:
        expression, registry = register_callable(structure, registry)
        for probe in probes:
            job = make_job(make_spec(probe=probe, structure=expression, **fields), registry)
            jobs += [job.with_seed(number) for number in seeds]
    return jobs, registry


def check_event(event: Event) -> None:
    """Raise what kept a run from having scores."""
    if event.status in ("stored", "done"):
        return
    if event.error:
        raise event.error
    spec = event.job.plan.spec
    where = event.folder.path if event.folder else "the store"
    reason = event.result.error if event.result else event.message or event.status
    raise RunError(
        f"running {spec.structure} on {spec.probe}, seed {spec.seed}", reason.rstrip("."), f"See {where}."
    )
