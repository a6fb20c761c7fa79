"""Checks of an observer: it follows runs that succeed or fail, and changes none."""

from __future__ import annotations

from pathlib import Path

from probekit.authors.check.base import fail
from probekit.authors.check.observers.fixture import BROKEN, NETWORK, ObserverFixture, carry_out
from probekit.authors.check.plugin_imports import plugin_imports_no_torch
from probekit.catalog.registry import Registry

HINT = "Look at the traceback with a run of your own: PROBEKIT_OBSERVE=NAME probekit --debug run ..."


def implements_a_hook(fixture: ObserverFixture) -> None:
    """It implements one of the hooks for runs, with arguments that the hook has."""
    fixture.exercise()


def observes_a_run(fixture: ObserverFixture) -> None:
    """It observes a run from its start to its result, and raises nothing."""
    observe_runs(fixture, NETWORK)


def observes_a_failed_run(fixture: ObserverFixture) -> None:
    """It observes a run that fails, whose result has no scores and no verdict."""
    observe_runs(fixture, BROKEN)


def observes_several_runs(fixture: ObserverFixture) -> None:
    """It observes runs one after another, one of them again, and one of them through a second observer."""
    with fixture.open_folder() as folder:
        for seeds in ((0, 0), (1,)):  # a second process has its own observer, with the same parameters
            registry = fixture.make_registry()
            fixture.attach(registry)
            for seed in seeds:
                carry_out(registry, folder, seed=seed)
            check_complaints(registry)


def changes_no_run(fixture: ObserverFixture) -> None:
    """A run that it observes ends with the same weights, and with the same files in its folder."""
    with fixture.open_folder() as folder:
        alone = carry_out(fixture.make_registry(), folder / "alone")
        registry = fixture.make_registry()
        fixture.attach(registry)
        observed = carry_out(registry, folder / "observed")
        if observed.result.weights != alone.result.weights:
            fail("the run that it observes ends with other weights", "Change no global state of torch.")
        changed = list_files_in(observed.folder.path) ^ list_files_in(alone.folder.path)
        if changed:
            fail(
                f"it adds to the run's folder, or removes from it: {', '.join(sorted(changed))}",
                "Write to a path that is a parameter.",
            )
        observed.folder.read_result()  # verifies checksums


def observe_runs(fixture: ObserverFixture, structure: str) -> None:
    """Carry out one run that the observer observes; fail if it raises."""
    with fixture.open_folder() as folder:
        registry = fixture.make_registry()
        fixture.attach(registry)
        carry_out(registry, folder, structure=structure)
        check_complaints(registry)


def check_complaints(registry: Registry) -> None:
    """Fail with the complaint about an observer that raised."""
    if registry.complaints:
        fail(registry.complaints[0].rstrip("."), HINT)


def list_files_in(folder: Path) -> set[str]:
    """Return the names of the files in a folder."""
    return {path.name for path in folder.iterdir()}


OBSERVER_CHECKS = (
    implements_a_hook,
    observes_a_run,
    observes_a_failed_run,
    observes_several_runs,
    changes_no_run,
    plugin_imports_no_torch,
)
