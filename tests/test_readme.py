"""What is guarded: every snippet of the README and of the documentation runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of one language of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


BASH = blocks("README.md", "bash")
LAYER, PROBE, EXECUTOR = "docs/your-layer.md", "docs/your-probe.md", "docs/your-executor.md"
PAGES = [Path("README.md"), *sorted(path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.md"))]


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
    assert "probekit run state-tracking --structure gru" in BASH[0]
    assert "pytest" in BASH[1]


LONG = re.compile("reproduce|certify|--tune|card .*--run|-s .*-s ")
"""What trains several networks: to be waited for."""


def lines(text: str) -> list[Any]:
    """Return its lines, each a test; those that train several networks are marked slow."""
    return [
        pytest.param(line, marks=[pytest.mark.slow] if LONG.search(line) else [])
        for line in text.strip().splitlines()
    ]


@pytest.mark.parametrize("line", lines(BASH[2] + blocks("docs/commands.md", "bash")[0]))
def test_every_command_shown_runs(line: str, tmp_path: Path) -> None:
    assert shell(line, tmp_path) or line.startswith("probekit data")


@pytest.mark.parametrize(("page", "printed"), [("README.md", 1), ("docs/python.md", 3)])
def test_python_snippet_runs(page: str, printed: int, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(blocks(page, "python")[0])
    said = shell(f"{sys.executable} snippet.py", tmp_path)
    assert len(said.splitlines()) == printed


def test_the_readme_is_read_in_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 1000


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / page.parent / link).exists()] == []


def offline(site: Path) -> str:
    """Return how to install into a folder without a network."""
    return f"{sys.executable} -m pip install -q --no-deps --no-build-isolation --target {site}"


@pytest.fixture(scope="module")
def swirl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay out the plugin of ten lines, and install it into the folder `site` beside it."""
    folder = tmp_path_factory.mktemp("swirl")
    (folder / "probekit_swirl").mkdir()
    (folder / "pyproject.toml").write_text(blocks(LAYER, "toml")[0])
    names = ("probekit_swirl/__init__.py", "probekit_swirl/swirl.py", "test_swirl.py")
    for name, text in zip(names, blocks(LAYER, "python"), strict=True):
        (folder / name).write_text(text)
    shell(f"{offline(folder / 'site')} .", folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "structure",
    [
        pytest.param("unet+swirl", marks=pytest.mark.slow),
        "unet+swirl(gain=0.5)",
        pytest.param("unet+./probekit_swirl/swirl.py:Swirl", marks=pytest.mark.slow),
    ],
)
def test_plugin_of_ten_lines_trains_from_its_package_and_from_its_file(structure: str, swirl: Path) -> None:
    assert structure in (ROOT / LAYER).read_text(encoding="utf-8")
    path = "" if ".py" in structure else str(swirl / "site")
    said = shell(f"probekit run nonlocality -s '{structure}' --scale smoke --json", swirl, PYTHONPATH=path)
    assert '"status": "done"' in said


def test_plugin_of_ten_lines_is_listed_and_passes_the_test_shown(swirl: Path) -> None:
    paths = {"PYTHONPATH": str(swirl / "site")}
    assert "swirl" in shell("probekit list layer", swirl, **paths)
    said = shell("pytest -q -p no:cacheprovider -k 'not compiles' test_swirl.py", swirl, **paths)
    assert " passed" in said


@pytest.mark.slow
@pytest.mark.parametrize(("page", "place"), [(LAYER, 0), ("README.md", 3)])
def test_from_nothing_to_a_report_in_the_commands_shown(page: str, place: int, tmp_path: Path) -> None:
    site = tmp_path / "site"
    commands = blocks(page, "bash")[place].replace("pip install", offline(site))
    said = shell(commands, tmp_path, PYTHONPATH=str(site))
    assert "FAILS" not in said
    assert "unet+whirl on nonlocality, scale smoke, seed 0" in said


COMBINATOR = "docs/your-combinator.md"


@pytest.mark.slow
@pytest.mark.parametrize("block", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_combinator_commands_shown_run(block: int, tmp_path: Path) -> None:
    commands = blocks(COMBINATOR, "bash")[block].replace("pip install", offline(tmp_path / "site"))
    assert "FAILS" not in shell(commands, tmp_path, PYTHONPATH=str(tmp_path / "site"))


@pytest.mark.slow
def test_combinator_of_ten_lines_is_checked_and_run(tmp_path: Path) -> None:
    (tmp_path / "gated.py").write_text(blocks(COMBINATOR, "python")[0])
    check, run = blocks(COMBINATOR, "bash")[1].splitlines()
    assert "FAILS" not in shell(check, tmp_path)
    assert "Gated(gru,transformer)" in shell(run, tmp_path)


OPTIMISER = "docs/your-optimiser.md"


@pytest.fixture(scope="module")
def sign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the optimiser of the guide as a package."""
    folder = tmp_path_factory.mktemp("sign")
    (folder / "probekit_sign").mkdir()
    (folder / "pyproject.toml").write_text(blocks(OPTIMISER, "toml")[0])
    for name, text in zip(("__init__", "optimiser"), blocks(OPTIMISER, "python"), strict=True):
        (folder / f"probekit_sign/{name}.py").write_text(text)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("block", [0, 1])
def test_optimiser_shown_is_checked_and_run(block: int, sign: Path) -> None:
    site = sign / "site"
    commands = blocks(OPTIMISER, "bash")[block].replace("pip install", offline(site))
    said = shell(commands, sign, PYTHONPATH=str(site))
    assert "FAILS" not in said
    assert "on recall, scale" in said


def test_probe_shown_keeps_its_promises_and_is_run(tmp_path: Path) -> None:
    (tmp_path / "agree.py").write_text(blocks(PROBE, "python")[0])
    said = shell(blocks(PROBE, "bash")[0], tmp_path)
    assert "FAILS" not in said
    assert "unet+average on ./agree.py:Agree" in said


@pytest.mark.parametrize(("file", "place"), [("onebyone.py", 0), ("observe.py", 1)])
def test_executor_and_observer_shown_are_checked_and_run(file: str, place: int, tmp_path: Path) -> None:
    (tmp_path / file).write_text(blocks(EXECUTOR, "python")[place])
    said = shell(blocks(EXECUTOR, "bash")[place], tmp_path)
    assert "FAILS" not in said
    assert "scale smoke" in said or "done" in said
    if file == "observe.py":
        assert "undecided" in (tmp_path / "log.txt").read_text()
        assert len((tmp_path / "runs.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_first_command_trains_at_the_default_scale(tmp_path: Path) -> None:
    command = BASH[0].partition("&&")[2].strip()
    said = shell(command, tmp_path)
    assert "normalised" in said
    assert "seed 0: has it" in said
