"""What is guarded: every snippet of the README runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BASH = re.findall(r"^```bash\n(.*?)^```", TEXT, re.M | re.S)
PYTHON = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)
TOML = re.findall(r"^```toml\n(.*?)^```", TEXT, re.M | re.S)


def shell(command: str, folder: Path, **more: str) -> str:
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **more}
    done = subprocess.run(
        ["bash", "-e", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_first_two_bash_blocks_are_one_command_line_each_with_the_constraints() -> None:
    for block in BASH[:2]:
        assert len(block.strip().splitlines()) == 1
        assert "-c constraints.txt" in block
    assert "probekit run nonlocality --structure unet+lambda" in BASH[0]
    assert "pytest" in BASH[1]


@pytest.mark.parametrize("line", BASH[2].strip().splitlines())
def test_every_command_shown_runs(line: str, tmp_path: Path) -> None:
    assert shell(line, tmp_path) or line.startswith("probekit data")


def test_python_snippet_runs(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(PYTHON[0])
    said = shell(f"{sys.executable} snippet.py", tmp_path)
    assert len(said.splitlines()) == 2


def test_plugin_of_ten_lines_installs_is_listed_and_trains(tmp_path: Path) -> None:
    package = tmp_path / "probekit_swirl"
    package.mkdir()
    (tmp_path / "pyproject.toml").write_text(TOML[0])
    (package / "__init__.py").write_text(PYTHON[1])
    (package / "swirl.py").write_text(PYTHON[2])
    site = tmp_path / "site"
    shell(f"{sys.executable} -m pip install -q --no-deps --no-build-isolation --target {site} .", tmp_path)
    paths = {"PYTHONPATH": str(site)}
    assert "swirl" in shell("probekit list layer", tmp_path, **paths)
    said = shell("probekit run nonlocality -s unet+swirl --scale smoke --json", tmp_path, **paths)
    assert '"status": "done"' in said


@pytest.mark.slow
def test_first_command_trains_at_the_default_scale(tmp_path: Path) -> None:
    command = BASH[0].partition("&&")[2].strip()
    assert "place" in shell(command, tmp_path)
