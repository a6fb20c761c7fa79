"""What is guarded: outside packages install from their folders, keep their promises, and stay short."""

from __future__ import annotations

import json
import struct
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Run, pip_install

from probekit.catalog.registry import Registry
from probekit.check import checks
from probekit.plugin.components import Kind

EXAMPLES = ROOT / "examples"
LENGTHS = {
    "squeeze": (15, 12),
    "link": (60, 12),
    "flipflop": (70, 12),
    "x-transformer": (30, 12),
    "segformer": (38, 12),
    "tensorboard": (25, 14),
    "dask": (65, 12),
    "addition": (50, 12),
    "same": (62, 12),
    "dyck": (68, 12),
    "schedule-free": (50, 12),
    "recall-more": (45, 12),
}
"""The most lines that say something, of Python and of pyproject.toml."""
KINDS: dict[str, Kind] = {
    "squeeze": "layer",
    "link": "probe",
    "flipflop": "probe",
    "x-transformer": "structure",
    "segformer": "structure",
    "dask": "executor",
    "addition": "probe",
    "same": "probe",
    "dyck": "probe",
    "schedule-free": "optimiser",
}
ADDITIONS: dict[Kind, str] = {"metric": "nearly", "scale": "medium", "control": "last-value"}
"""What recall-more adds to recall."""
WORDS = ("--scale", "smoke", "--trainer", "supervised(epochs=1)", "--json")
needs_x_transformers = pytest.mark.skipif(find_spec("x_transformers") is None, reason="no x-transformers")
needs_transformers = pytest.mark.skipif(find_spec("transformers") is None, reason="no transformers")
needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="no distributed")
needs_tensorboard = pytest.mark.skipif(find_spec("tensorboardX") is None, reason="no tensorboardX")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "site"
    pip_install(folder, *(EXAMPLES / f"probekit-{name}" for name in LENGTHS))
    return folder


def lines(*paths: Path) -> int:
    return sum(bool(line.strip()) for path in paths for line in path.read_text().splitlines())


@pytest.mark.parametrize("name", LENGTHS)
def test_an_example_is_as_short_as_the_interface_allows(name: str) -> None:
    folder = EXAMPLES / f"probekit-{name}"
    python, project = LENGTHS[name]
    assert 0 < lines(*folder.rglob("*.py")) <= python
    assert lines(folder / "pyproject.toml") <= project


@pytest.mark.parametrize(
    "name",
    [
        "squeeze",
        "link",
        "addition",
        pytest.param("dyck", marks=pytest.mark.slow),
        "flipflop",
        "schedule-free",
        pytest.param("x-transformer", marks=[needs_x_transformers, pytest.mark.slow]),
        pytest.param("segformer", marks=[needs_transformers, pytest.mark.slow]),
        pytest.param("dask", marks=[needs_dask, pytest.mark.slow]),
    ],
)
def test_an_example_keeps_the_promises_of_its_kind(
    name: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(site))
    found = [
        one.evaluate()
        for one in checks(KINDS[name], name, registry=Registry.load())
        if one.name != "compiles"
    ]
    assert [one for one in found if one.state not in ("holds", "does not apply", "expected")] == []
    assert len([one for one in found if one.state == "holds"]) > (6 if KINDS[name] == "executor" else 8)


@pytest.mark.parametrize("kind", ["metric", pytest.param("scale", marks=pytest.mark.slow), "control"])
def test_what_extends_recall_passes_its_checks(
    kind: Kind, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(site))
    findings = [check.evaluate() for check in checks(kind, ADDITIONS[kind], registry=Registry.load())]
    assert [finding for finding in findings if finding.state not in ("holds", "does not apply")] == []
    assert len([finding for finding in findings if finding.state == "holds"]) > 7


@pytest.mark.slow
def test_what_extends_recall_is_run(site: Path, probekit: Run) -> None:
    store = ("--store", str(site / "runs"), "--json")
    words = ("run", "recall(train=64)", "-s", "gru", "--scale", "medium", "--metric", "nearly(mistakes=2)")
    done = probekit(*words, *store, path=site, PROBEKIT_SKIP="tensorboard")
    assert done.returncode == 0, done.stderr
    assert "nearly" in json.loads(done.stdout)[0]["metrics"]


@pytest.mark.slow
def test_the_layer_and_the_probe_work_together(site: Path, probekit: Run) -> None:
    words = ("run", "link", "-s", "unet+squeeze", *WORDS, "--store", str(site / "runs"))
    done = probekit(*words, path=site, PROBEKIT_SKIP="tensorboard")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert {"accuracy", "to_4", "to_8", "to_12", "to_16"} <= set(row["metrics"])


@pytest.mark.slow
@needs_x_transformers
def test_the_structure_of_another_library_is_trained(site: Path, probekit: Run) -> None:
    words = ("nonlocality(train=64)", "-s", "x-transformer(depth=1)", *WORDS, "--store", str(site / "runs"))
    done = probekit("run", *words, path=site, PROBEKIT_SKIP="tensorboard")
    assert [row["status"] for row in json.loads(done.stdout)] == ["done"], done.stderr


@pytest.mark.slow
@needs_transformers
def test_a_network_with_fixed_widths_is_trained(site: Path, probekit: Run) -> None:
    words = ("run", "nonlocality(train=64)", "-s", "segformer", *WORDS, "--store", str(site / "runs"))
    done = probekit(*words, path=site, PROBEKIT_SKIP="tensorboard")
    assert [row["status"] for row in json.loads(done.stdout)] == ["done"], done.stderr
    done = probekit(*words, "--width", "12", path=site, PROBEKIT_SKIP="tensorboard")
    assert done.returncode == 2
    assert "Type --width 8 or --width 16" in done.stderr


@pytest.mark.slow
@needs_tensorboard
def test_the_observer_writes_what_tensorboard_reads(site: Path, probekit: Run) -> None:
    logs = site / "logs"
    words = ("run", "nonlocality(train=64)", "-s", "unet+average", *WORDS, "--store", str(site / "runs"))
    done = probekit(*words, path=site, TENSORBOARD_LOGDIR=str(logs))
    (row,) = json.loads(done.stdout)
    (folder,) = logs.iterdir()
    assert folder.name == Path(row["folder"]).name
    (events,) = folder.iterdir()
    scalars = dict(read(events))
    assert scalars["test/loss"] == pytest.approx(row["metrics"]["loss"])
    assert {"train/loss", "train/lr"} <= set(scalars)


def read(events: Path) -> list[tuple[str, float]]:
    """Read the scalars of an event file: records of length, its checksum, an Event message, its checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data = events.read_bytes()
    found: list[tuple[str, float]] = []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        event: Any = Event.FromString(data[12 : 12 + length])
        found += [(value.tag, value.simple_value) for value in event.summary.value]
        data = data[16 + length :]
    return found


@needs_dask
@pytest.mark.slow
def test_a_dask_cluster_makes_the_weights_of_one_process(site: Path, tmp_path: Path, probekit: Run) -> None:
    words = ("grouping(test=16,train=64,validation=8)", "-s", "lambda", "-s", "average", "--seeds", "2")
    weights = []
    for store, more in (("alone", ()), ("dask", ("--executor", "dask(jobs=2)"))):
        folder = str(tmp_path / store)
        done = probekit(
            "run", *words, *WORDS, *more, "--store", folder, path=site, PROBEKIT_SKIP="tensorboard"
        )
        assert done.returncode == 0, done.stderr
        results = sorted(Path(folder).glob("*/result.json"))
        weights.append({path.parent.name: json.loads(path.read_text())["weights"] for path in results})
    assert len(weights[0]) == 4
    assert weights[0] == weights[1]


def test_the_known_plugins_are_the_packages_here() -> None:
    listed = tomllib.loads((ROOT / "docs/plugins.toml").read_text(encoding="utf-8"))["plugin"]
    assert {plugin["folder"] for plugin in listed} == {
        f"examples/{path.name}" for path in EXAMPLES.glob("probekit-*")
    }
    for plugin in listed:
        project = tomllib.loads((ROOT / plugin["folder"] / "pyproject.toml").read_text(encoding="utf-8"))
        assert project["project"]["name"] == plugin["name"]
        kinds = {**KINDS, "recall-more": ", ".join(ADDITIONS)}
        assert kinds.get(plugin["name"].removeprefix("probekit-"), "observer") == plugin["kind"]
