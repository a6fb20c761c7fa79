"""What is guarded: the wheel holds what it should; no code of ours evaluates or unpickles."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.source

FORBIDDEN = {"eval", "exec", "compile", "__import__"}
UNSAFE = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
PIPE = ["torch.save", "torch.load"]
"""The trainer `fabric` hands a network to processes that it starts itself, as multiprocessing does: through a
pipe, from memory to memory, never by way of a disk."""
OURS = sorted(path for top in ("probekit", "plugins", "probes") for path in (ROOT / top).rglob("*.py"))


def unsafe(text: str) -> list[str]:
    """Return what a file calls or imports that turns data into code."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN or called in ("torch.save", "torch.load", "yaml.load"):
                found.append(called)
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        found += [name for name in [*names, module] if name.partition(".")[0] in UNSAFE]
    return found


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_evaluated_or_unpickled(path: Path) -> None:
    allowed = PIPE if path.name == "message.py" and path.parent.name == "trainers" else []
    assert unsafe(path.read_text()) == allowed


def test_the_check_sees_every_way() -> None:
    text = "import pickle\nfrom dill import loads\neval('1')\ntorch.load('x')\nimport json\nmodel.eval()\n"
    assert sorted(unsafe(text)) == ["dill", "eval", "pickle", "torch.load"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    sources = {"probekit": ROOT, "probekit_plugins": ROOT / "plugins", "probekit_probes": ROOT / "probes"}
    wanted = {
        path.relative_to(top).as_posix()
        for package, top in sources.items()
        for path in (top / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == wanted
    assert "probekit/py.typed" in inside


def test_the_wheel_opens_every_door(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    found = configparser.ConfigParser()
    found.read_string(wheel.read(name).decode())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert dict(found["probekit"]) == project["entry-points"]["probekit"]
    assert dict(found["console_scripts"]) == project["scripts"]
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
