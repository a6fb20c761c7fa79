"""Runs of a second for tests: few items, few steps, real training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

from probekit.catalog.registry import Registry, registry
from probekit.cli import app
from probekit.plans.job import Job, make_job
from probekit.plans.plan import Plan
from probekit.plans.spec import make_spec
from probekit.plugin.components import Component
from probekit.runs.run import Outcome, run_job
from probekit.storage.folder import LOG
from probekit.storage.store import Store

PROBE = "nonlocality(test=16,train=64,validation=8)"
ASKED = {
    "probe": PROBE,
    "structure": "unet+lambda",
    "scale": "smoke",
    "trainer": "supervised(batch=16,epochs=1)",
}
NEEDS_PICTURES = pytest.mark.skipif(
    find_spec("skimage") is None, reason="the extra `scenes` is not installed"
)


def planned(known: Registry | None = None, **changes: Any) -> Plan:
    """Plan the small run, with what is given instead."""
    return job(known, **changes).plan


def job(known: Registry | None = None, **changes: Any) -> Job:
    """Plan the small run and keep its parts at hand."""
    return make_job(make_spec(**{**ASKED, **changes}), known or registry())


def done(folder: Path, known: Registry | None = None, **changes: Any) -> Outcome:
    """Carry out the small run in a store."""
    return run_job(job(known, **changes), known or registry(), device="cpu", store=Store(folder))


def knowing(name: str, structure: Callable[..., Any]) -> Registry:
    """Return a registry that knows one more structure."""
    return registry().with_components(Component("structure", name, structure, "for a test"))


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run the command line in this process: its exit code, stdout and stderr."""
    with pytest.raises(SystemExit) as end:
        typer.main.get_command(app).main(list(words), prog_name="probekit")
    printed = capsys.readouterr()
    return int(end.value.code or 0), printed.out, printed.err


def first(count: int, members: Iterable[Any]) -> list[Any]:
    """Return parameters of a test of which all but the first few members are slow."""
    rest = pytest.mark.slow
    return [pytest.param(one, marks=() if place < count else rest) for place, one in enumerate(members)]


def rows(store: Path) -> int:
    """Return how many rows the logs of a store have."""
    return sum(path.read_bytes().count(b"\n") for path in store.glob(f"*/{LOG}"))
