"""What is guarded: names of 0.1 that plugins could rely on work for one version, and warn."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from probekit.catalog.part import inherit_probe
from probekit.plugin import axis, errors, executor, masked
from probekit.plugin.probe import Probe
from probekit.renamed import MODULES, NAMES


@pytest.mark.parametrize("name", MODULES)
def test_a_module_of_0_1_is_imported_with_a_warning(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    with pytest.warns(DeprecationWarning, match=f"{name} goes.*import {MODULES[name]}"):
        old = import_module(name)
    new = import_module(MODULES[name])
    for before, now in NAMES.get(name, {}).items():
        assert getattr(old, before) is getattr(new, now)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_name_that_never_was_is_refused() -> None:
    with pytest.raises(AttributeError):
        import_module("probekit.asked").nothing  # noqa: B018
    with pytest.raises(ImportError):
        import_module("probekit.nothing")


def test_a_field_of_0_1_is_read_and_given_with_a_warning() -> None:
    ending = executor.WorkerExit(Path(), 0, "done")
    with pytest.warns(DeprecationWarning, match=r"WorkerExit.said.*type .message"):
        assert ending.said == "done"  # type: ignore[attr-defined]
    with pytest.warns(DeprecationWarning, match="type solved_score="):
        made = axis.Axis("a", "u", "", masked.is_correct, masked.is_correct, "higher", (0, 1), solved=0.9)  # type: ignore[call-arg, arg-type]
    assert made.solved_score == 0.9
    error = errors.UsageError("this", "that")
    with pytest.warns(DeprecationWarning, match="ProbekitError"):
        assert (error.asked, error.found) == ("this", "that")  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="nothing"):
        error.nothing  # type: ignore[attr-defined]  # noqa: B018


class Old:
    """A probe of 0.1, complete but for a base class."""

    property, structure = "agreement", "plain"

    def __init__(self, *, size: int = 8) -> None:
        self.size = size

    data = loss = oracle = controls = None


def test_a_probe_without_a_base_class_gets_the_defaults_and_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match=r"Old, goes.*inherit from probekit.Probe"):
        target = inherit_probe(Old)
    assert (target.__module__, target.__qualname__, target.__doc__) == (Old.__module__, "Old", Old.__doc__)
    assert target is inherit_probe(Old)
    probe = target(size=3)
    assert isinstance(probe, Probe)
    assert (probe.size, probe.property, probe.thresholds, probe.harder) == (3, "agreement", (0.9, 0.25), "")
    assert probe.ceiling(1) is None
    assert probe.drawn(2, 1) == 2
