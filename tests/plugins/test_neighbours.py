"""What is guarded: a bad neighbour is named in a paragraph with what to do, and everyone else goes on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, install, plugin_text
from small import PROBE, call, first

import probekit.catalog.registry as holder
from probekit.catalog.plugins import check_version
from probekit.catalog.registry import Registry

MODULE = """
import torch
from torch import nn


class Kept(nn.Module):
    def __init__(self, channels, size):
        super().__init__()
        self.mix = nn.Linear(channels, channels)

    def forward(self, x):
        return self.mix(x.flatten(2).mT).mT.reshape(x.shape)


class Raises(Kept):
    def __init__(self, channels, size):
        raise ValueError("no such\\nlayer")


class Leaves(Kept):
    def __init__(self, channels, size):
        raise SystemExit(3)


class Needs(Kept):
    def __init__(self, channels, size):
        import a_package_nobody_has


class Wants(Kept):
    def __init__(self, channels, size, gain):
        super().__init__(channels, size)


class Cuts(Kept):
    def forward(self, x):
        return x[:, :1, ..., :3]


class Spoils(Kept):
    def forward(self, x):
        return super().forward(x) / 0


def nothing(channels, size):
    return "no layer"


from probekit import Probe


class Hollow(Probe):
    scales = {}


class Half(Probe):
    from probekit import Scale

    property, version, structure = "x", 1, "unet"
    scales = {"smoke": Scale("", {}, {}, width=4)}


def idle():
    return object()
"""
LAYERS = {
    "raises": (
        r"layer raises of plugin bad: it could not be built \(ValueError: no such layer\)",
        "show layer",
    ),
    "leaves": (r"layer leaves of plugin bad: it could not be built \(SystemExit: 3\)", "show layer"),
    "needs": ("layer needs of plugin bad: it could not be built", "Install a_package_nobody_has"),
    "wants": ("layer wants of plugin bad: it could not be built", r"In its signature, put the parameters"),
    "nothing": (
        "layer nothing of plugin bad: it built a str, which has no forward",
        "probekit.plugin.interfaces",
    ),
    "gone": ("its address bad_module:Gone cannot be imported", "PROBEKIT_SKIP=bad"),
    "cuts": ("unet.cuts on .* failed: RuntimeError", "`probekit check layer cuts` .* of plugin bad"),
    "spoils": ("unet.spoils on .* failed: training: the loss is not finite", "`probekit check layer spoils`"),
}
TRAIN = ("--scale", "smoke", "--trainer", "supervised(batch=16,epochs=1)", "--device", "cpu", "--json")
Capture = pytest.CaptureFixture[str]


def named(name: str) -> str:
    return name if name == "nothing" else name.capitalize()


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Install the plugin "bad" and let the command line know it."""
    layers = [f"'layer', '{name}', 'bad_module:{named(name)}', ''" for name in LAYERS]
    others = ["'probe', 'hollow', 'bad_module:Hollow', ''", "'probe', 'half', 'bad_module:Half', ''"]
    others.append("'trainer', 'idle', 'bad_module:idle', ''")
    files = {"bad_plugin.py": plugin_text(*layers, *others), "bad_module.py": MODULE}
    install(tmp_path / "site", "probekit-bad", {"bad": "bad_plugin"}, files)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    found = Registry.load()
    commands = [f"cli.commands.{name}" for name in ("check", "list", "plugins", "run", "show")]
    for module in ("terminal.follow", "cli.schedule", *commands):
        monkeypatch.setattr(f"probekit.{module}.registry", lambda: found, raising=False)
    monkeypatch.setattr("probekit.cli.registry", lambda: found)
    monkeypatch.setattr(holder, "registry", lambda: found)
    return found


@pytest.mark.parametrize("name", first(2, LAYERS))
def test_a_layer_that_breaks_is_named_with_its_plugin_and_the_rest_of_the_grid_is_kept(
    name: str, known: Registry, tmp_path: Path, capsys: Capture
) -> None:
    structures = ("-s", f"unet+{name}", "-s", "unet+average")
    code, out, err = call(capsys, "run", PROBE, *structures, *TRAIN, "--store", str(tmp_path / "store"))
    assert code == 1
    assert "Traceback" not in err
    statuses = {row["structure"]: row["status"] for row in json.loads(out)}
    assert statuses.pop("unet+average") == "done"
    assert set(statuses.values()) <= {"failed"}
    (line,) = [line for line in err.splitlines() if line.startswith("probekit: ")]
    for said in LAYERS[name]:
        assert re.search(said, line), line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hollow", "-s", "unet"), "scale 'smoke' of probe 'hollow': there is no such scale"),
        (
            ("half", "-s", "unet"),
            "half of plugin bad: it could not be built (TypeError: Can't instantiate abstract class Half",
        ),
        (
            (PROBE, "-s", "unet", "--trainer", "idle"),
            "trainer idle of plugin bad: it built a object, which has",
        ),
    ],
)
def test_a_probe_or_trainer_that_is_none_is_told_before_anything_is_run(
    words: tuple[str, ...], said: str, known: Registry, capsys: Capture
) -> None:
    code, out, err = call(capsys, "run", "--scale", "smoke", *words)
    assert (code in (1, 2), out) == (True, "")
    assert said in err


OPENED = {
    "slow": "import time; time.sleep(1.1)\n" + plugin_text("'layer', 'slow-one', 'm:a', ''"),
    "future": "requires_probekit = '99.1'\n" + plugin_text("'layer', 'future-one', 'm:a', ''"),
    "garbled": "requires_probekit = 'soon'\n" + plugin_text("'layer', 'garbled-one', 'm:a', ''"),
    "needy": "import a_package_nobody_has",
    "raiser": "raise RuntimeError('a bug')",
    "modest": "requires_probekit = '0.0.1'\n" + plugin_text("'layer', 'modest-one', 'm:a', ''"),
}
SAID = {
    "slow": r"plugin slow took 1\.\d s to open.* PROBEKIT_SKIP=slow leaves it out\.",
    "future": r"plugin future failed to load \(probekit 99\.1, which it requires: .*installed\)\. Upgrade",
    "garbled": r"plugin garbled failed to load \(requires_probekit = 'soon': it is not a version\)\. Write",
    "needy": r"plugin needy failed to load \(ModuleNotFound.*\)\. Install a_package_nobody_has,",
    "raiser": r"plugin raiser failed to load \(RuntimeError: a bug\)\. `probekit plugins --trace` shows",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, probekit: Run) -> tuple[list[str], list[Any]]:
    folder = tmp_path_factory.mktemp("opened")
    for name, text in OPENED.items():
        install(folder, f"probekit-{name}", {name: f"opened_{name}"}, {f"opened_{name}.py": text})
    done = probekit("list", "--json", path=folder)
    assert done.returncode == 0
    return done.stderr.splitlines(), json.loads(done.stdout)


@pytest.mark.parametrize("name", SAID)
def test_a_plugin_that_opens_badly_is_told_in_a_line_with_what_to_type(name: str, said: Any) -> None:
    lines, _ = said
    (line,) = [line for line in lines if f"plugin {name} " in line]
    assert re.search(SAID[name], line), line
    assert f"PROBEKIT_SKIP={name}" in line


def test_what_opens_is_listed_beside_it(said: Any) -> None:
    _, listed = said
    names = {one["name"] for one in listed}
    assert {"slow-one", "modest-one", "lambda", "unet"} <= names
    assert not {"future-one", "garbled-one"} & names


@pytest.mark.parametrize("least", ["0.1", "0.1.0", "0", "0.1.0.0"])
def test_a_version_that_is_reached_is_enough(least: str) -> None:
    check_version(least)


@pytest.mark.slow
def test_an_observer_that_raises_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, probekit: Run
) -> None:
    text = (
        "from probekit import hookimpl\n@hookimpl\ndef probekit_run_started(plan):\n    raise OSError('full')"
    )
    install(tmp_path, "probekit-eye", {"eye": "bad_eye"}, {"bad_eye.py": text})
    words = ("run", PROBE, "-s", "unet+average", *TRAIN, "--store", str(tmp_path / "store"))
    done = probekit(*words, path=tmp_path)
    assert [row["status"] for row in json.loads(done.stdout)] == ["done"]
    assert done.returncode == 0
    assert (
        "plugin eye no longer observes runs, because its probekit_run_started raised OSError: full"
        in done.stderr
    )
