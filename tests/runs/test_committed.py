"""What is guarded: the committed runs still come out the same, after a refactoring too."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, environment

from probekit.catalog.registry import registry
from probekit.storage.folder import ANSWERS, WEIGHTS
from probekit.storage.result import Result
from probekit.storage.store import Store

COMMITTED = ROOT / "examples" / "results" / "replay"
LAYERS = {
    "gla": "chunked_gla",
    "deltanet": "chunked_delta_rule",
    "linear_attention": "draw_orthogonal",
    "gru": "run_units",
}
"""Built-in layers, and a function of each that is moved to another file under another name."""


def replay(store: Path, plugins: Path | None = None) -> list[dict[str, str]]:
    """Replay a store in a process of its own, with plugins from another folder where one is given."""
    path = {"PYTHONPATH": str(plugins)} if plugins else {}
    words = [sys.executable, "-m", "probekit", "store", "replay", "--json", "--store", str(store)]
    ended = subprocess.run(words, env=environment(None, path), capture_output=True, text=True, check=False)
    rows: list[dict[str, str]] = json.loads(ended.stdout)
    assert ended.returncode == any(row["state"] == "differs" for row in rows), ended.stderr
    return rows


def move_function(folder: Path, name: str, old: str) -> None:
    """Move a function of a module to a new module beside it, and give it another name."""
    path, new = folder / f"{name}.py", f"compute_{old}"
    text = path.read_text()
    (node,) = (one for one in ast.parse(text).body if isinstance(one, ast.FunctionDef) and one.name == old)
    source = ast.get_source_segment(text, node)
    assert source is not None
    renamed = rf"\b{old}\b(?=[(),.])"
    # what the function needs of its module comes with it
    (folder / f"{name}_moved.py").write_text(re.sub(renamed, new, text))
    head = "from __future__ import annotations\n"
    left = re.sub(renamed, new, text.replace(source, ""))
    left = left.replace(head, f"{head}\nfrom probekit_plugins.layers.{name}_moved import {new}\n")
    path.write_text(left)


def test_one_run_per_probe_is_committed_with_weights_and_first_losses() -> None:
    probes = set()
    for folder, result in Store(COMMITTED).read_results():
        assert isinstance(result, Result), folder.path
        assert {WEIGHTS, ANSWERS} <= set(result.files)
        assert {f"loss of step {number}" for number in (1, 2, 3)} <= set(result.behaviour.training)
        assert (result.plan.scale, result.caution) == ("quick", "")
        probes.add(result.plan.probe_component.name)
    assert probes == {component.name for component in registry().components("probe")}


@pytest.mark.slow
def test_committed_runs_replay() -> None:
    rows = replay(COMMITTED)
    assert len(rows) == len(registry().components("probe"))
    assert {row["run"]: row["why"] for row in rows if row["state"] != "holds"} == {}


@pytest.mark.slow
def test_moving_and_renaming_helpers_costs_nothing(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    layers = tmp_path / "plugins" / "probekit_plugins" / "layers"
    for name, function in LAYERS.items():
        move_function(layers, name, function)
    rows = replay(COMMITTED, tmp_path / "plugins")
    assert {row["run"]: row["why"] for row in rows if row["state"] != "holds"} == {}


@pytest.mark.slow
def test_a_changed_helper_is_seen(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "plugins", tmp_path / "plugins")
    path = tmp_path / "plugins" / "probekit_plugins" / "layers" / "gru.py"
    text = path.read_text()
    assert ".sigmoid_()" in text
    # a tenth: what stays below one thousandth on another machine is taken for rounding
    path.write_text(text.replace(".sigmoid_()", ".mul_(1.1).sigmoid_()"))
    rows = {row["run"]: row for row in replay(COMMITTED, tmp_path / "plugins")}
    differing = [run for run, row in rows.items() if row["state"] == "differs"]
    assert differing
    assert all("gru" in run for run in differing)
