"""What is guarded: a new package installs, is listed, runs and passes its own tests as it is written."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run, environment, pip_install
from small import call

from probekit.authors.scaffold import DESCRIPTIONS, create_package, describe_run
from probekit.catalog.registry import registry
from probekit.plugin.errors import UsageError


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a package of each kind and install them all, without a network."""
    folder = tmp_path_factory.mktemp("new")
    written = [create_package(kind, f"my-{kind}", folder, registry()) for kind in DESCRIPTIONS]
    pip_install(folder / "site", *written)
    return folder


def test_every_package_is_listed(site: Path, probekit: Run) -> None:
    listed = json.loads(probekit("list", "--json", path=site / "site").stdout)
    assert {(one["kind"], one["name"]) for one in listed} >= {(kind, f"my-{kind}") for kind in DESCRIPTIONS}


@pytest.mark.slow
def test_the_tests_of_every_package_pass(site: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not compiles", str(site)],
        capture_output=True,
        text=True,
        cwd=site,
        env=environment(site / "site", {}),
    )
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split(" passed")[0].split()[-1]) > 40


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[pytest.mark.slow] if kind != "layer" else []) for kind in DESCRIPTIONS]
)
def test_the_command_it_shows_runs(
    kind: str, site: Path, probekit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(site)  # an observer writes there
    *variables, command = describe_run(kind, f"my-{kind}").rpartition("probekit ")[::2]
    more = dict(word.split("=") for text in variables for word in text.split())
    words = shlex.split(command)
    done = probekit(*words, "--json", "--store", str(site / "store"), path=site / "site", **more)
    assert done.returncode == 0, done.stderr
    if kind != "control":  # its command makes a certificate
        assert [row["status"] for row in json.loads(done.stdout)] == ["done"]


def test_what_is_written_is_as_our_own_files_are(site: Path) -> None:
    for words in (["check", "--select", "E,F,W,I,B,UP"], ["format", "--check"]):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *words,
                "--line-length",
                "110",
                *map(str, site.glob("probekit-*")),
            ],
            cwd=site,  # as authors run it: beside our own folder, ruff takes probekit for theirs
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("planet", "mars", "a new planet: there is no template for this kind"),
        ("layer", "My_Layer", "this is not a valid name. Names are lowercase words"),
        ("layer", "../swirl", "this is not a valid name"),
        ("layer", "none", "this is not a valid name"),
        ("layer", "lambda", "plugin layers uses this name. Choose another name."),
    ],
)
def test_what_cannot_be_written_is_a_usage_error(kind: str, name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        create_package(kind, name, tmp_path, registry())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "new", "layer", "swirl", "--into", str(tmp_path))[0] == 0
    module = tmp_path / "probekit-swirl/probekit_swirl/layer.py"
    module.write_text("mine")
    code, _, err = call(capsys, "new", "layer", "swirl", "--into", str(tmp_path))
    assert (code, "it already exists" in err) == (2, True)
    assert module.read_text() == "mine"
    code, _, err = call(capsys, "new", "layer", "other", "--into", str(module))
    assert code == 1
    assert "Choose another folder with --into DIR." in err
