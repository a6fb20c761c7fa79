"""Fixtures: real distributions in a temporary folder, the command line in a process of its own, a browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from timed import mark_slow_members

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from probekit.storage.store import Store

ROOT = Path(__file__).parent.parent

# a shell that runs the tests in the background ignores Ctrl-C, and so would each process started here
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # small networks gain nothing by threads that wait for each other

REGISTERS = """
from probekit.plugin.components import Component
from probekit.plugin.hookspecs import hookimpl

@hookimpl
def probekit_components():
    return [{components}]
"""


def plugin_text(*components: str) -> str:
    """Return the source of a plugin that registers these, each the text of a Component's arguments."""
    return REGISTERS.format(components=", ".join(f"Component({arguments})" for arguments in components))


def install(folder: Path, name: str, entries: Mapping[str, str], files: Mapping[str, str]) -> Path:
    """Lay out a distribution as pip would in `folder`; it is installed where that is on the path."""
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = [f"{entry} = {value}" for entry, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[probekit]", *lines, ""]))
    return folder


class Run(Protocol):
    """Runs `python -m probekit` with these words, and with a folder of distributions on the path."""

    def __call__(
        self, *words: str, path: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]: ...


def pip_install(site: Path, *packages: Path) -> None:
    """Install packages into a folder, without a network."""
    words = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    done = subprocess.run([sys.executable, *words, *map(str, packages)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def environment(path: Path | None, env: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with one more folder on the path."""
    folders = [str(path)] if path else []
    inherited = [value] if (value := os.environ.get("PYTHONPATH")) else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders + inherited), **env}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes long as slow, before pytest chooses by marks."""
    mark_slow_members(items)


@pytest.fixture(scope="session")
def probekit() -> Run:
    """Return the command line, run in a process of its own."""

    def run(*words: str, path: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "probekit", *words],
            capture_output=True,
            text=True,
            env=environment(path, env),
            timeout=300,
        )

    return run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    from probekit.storage.store import Store

    return Store(tmp_path / "store")


@pytest.fixture
def double() -> Iterator[None]:
    """Set float64 and a seed."""
    import torch

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, the system's or Playwright's own."""
    api = pytest.importorskip("playwright.sync_api", reason="the extra `browser` is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with api.sync_playwright() as playwright:
        try:
            opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except api.Error as error:
            pytest.skip(f"no Chromium opens here: {str(error).splitlines()[0]}")
        yield opened
        opened.close()
