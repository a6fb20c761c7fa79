"""What is guarded: asking for help or a list loads no tensors, no plots and no plugin's machinery."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT, environment, install, plugin_text

from probekit.cli import COMMANDS

HEAVY = ("torch", "numpy", "matplotlib", "safetensors")
PROGRAM = f"""
import sys
from probekit.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write("loaded " + " ".join(name for name in {HEAVY} if name in sys.modules))
"""


def loaded(*words: str, path: Path | None = None) -> list[str]:
    """Return which heavy packages a command has imported by its end."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, env=environment(path, {})
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.rpartition("loaded ")[2].split()


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["list"], ["list", "--json"], ["plugins"]])
def test_looking_around_imports_nothing_heavy(words: list[str]) -> None:
    assert loaded(*words) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    assert loaded(command, "--help") == []


def test_the_check_sees_a_plugin_that_imports_numpy(tmp_path: Path) -> None:
    files = {"greedy.py": "import numpy\n" + plugin_text("'layer', 'greedy', 'm:a', ''")}
    install(tmp_path, "probekit-greedy", {"greedy": "greedy"}, files)
    assert loaded("list", path=tmp_path) == ["numpy"]


def test_a_lint_rule_refuses_heavy_imports_at_module_level() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "TID" in lint["select"]
    assert set(HEAVY) <= set(lint["flake8-tidy-imports"]["banned-module-level-imports"])
    for module, refused in (("torch", True), ("json", False)):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                "check",
                "--select",
                "TID253",
                "--stdin-filename",
                "probekit/x.py",
                "-",
            ],
            input=f"import {module}\n",
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert ("TID253" in done.stdout) is refused
