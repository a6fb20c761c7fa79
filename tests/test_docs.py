"""What is guarded: the documentation is built without a warning and names all there is; the notebook runs."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT

from probekit.catalog.registry import registry
from probekit.plugin.components import KINDS
from probekit.rows.layer_summary import list_lines

NOTEBOOK = ROOT / "examples/your-layer.ipynb"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if find_spec("mkdocs") is None or find_spec("mkdocstrings") is None:
        pytest.skip("the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_component_has_a_page_with_its_parameters(site: Path) -> None:
    for kind in KINDS:
        for component in registry().components(kind):
            text = (site / f"reference/{kind}/{component.name}/index.html").read_text(encoding="utf-8")
            assert "<h1" in text
            assert component.about.partition(":")[0] in text.replace("&#39;", "'")


CHUNKED = [
    "deltanet",
    "deltaproduct",
    "forgetting-attention",
    "gla",
    "hgrn2",
    "kda",
    "mamba",
    "mamba3",
    "mlstm",
    "reformer",
    "retention",
    "rwkv7",
    "slstm",
    "ssd",
    "ttt",
]


@pytest.mark.parametrize("layer", CHUNKED)
def test_a_chunked_layer_shows_its_formula_as_a_loop(layer: str, site: Path) -> None:
    text = (site / f"reference/layer/{layer}/index.html").read_text(encoding="utf-8")
    assert "Formula as a loop" in text
    assert "reference" in text


def test_every_layer_shows_its_formula_and_links_its_paper(site: Path) -> None:
    lacking = []
    for component in registry().components("layer"):
        text = (site / f"reference/layer/{component.name}/index.html").read_text(encoding="utf-8")
        if "<math" not in text or '<a href="https://arxiv.org/abs/' not in text:
            lacking.append(component.name)
    assert lacking == []


def test_a_layer_s_page_says_what_it_costs(site: Path) -> None:
    text = (site / "reference/layer/deltanet/index.html").read_text(encoding="utf-8")
    cost = text.partition('id="cost"')[2].partition("<h2")[0]
    assert (
        "Linear in positions (FLOPs as N^1, memory as N^1, from 1,024 to 4,096 positions); in the survey"
        in cost
    )
    (recall,) = (line for line in list_lines("deltanet", registry()) if line.probe == "recall")
    assert f"<td>{recall.parameters:,}</td>" in cost


@pytest.mark.parametrize(("page", "entry"), [("layer/deltanet", "heads"), ("structure/unet", "width")])
def test_parameters_are_a_list(page: str, entry: str, site: Path) -> None:
    text = (site / f"reference/{page}/index.html").read_text(encoding="utf-8")
    assert f"<li><code>{entry}</code>: " in text.replace("\n", "").replace("<p>", "")


def test_wide_tables_show_that_they_go_on(site: Path) -> None:
    page = (site / "examples/results/five-layers/index.html").read_text(encoding="utf-8")
    assert "wide-tables.css" in page
    assert ".md-typeset__scrollwrap" in (site / "wide-tables.css").read_text(encoding="utf-8")


@pytest.mark.parametrize("probe", ["nonlocality", "translation", "parity"])
def test_a_probe_has_its_certificate_its_noise_and_items_drawn(site: Path, probe: str) -> None:
    text = (site / f"reference/probe/{probe}/index.html").read_text(encoding="utf-8")
    for part in ("Certificate at quick", "noise", "controls", "scales"):
        assert part in text
    assert (site / f"reference/probe/{probe}.png").read_bytes().startswith(b"\x89PNG")


def test_the_public_names_are_documented(site: Path) -> None:
    import probekit

    text = (site / "api/index.html").read_text(encoding="utf-8")
    assert [name for name in probekit.__all__ if f'.{name}"' not in text] == []


@pytest.mark.slow
def test_the_notebook_goes_from_the_import_to_a_card(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient").NotebookClient
    book = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in book.cells)
    client(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    tables = [out.data["text/html"] for out in outputs if "text/html" in out.get("data", {})]
    assert any("Report card" in table and "swirl" in table for table in tables)
    printed = "".join(out.text for out in outputs if out.output_type == "stream" and out.name == "stdout")
    assert "undecided at smoke" in printed
    assert (tmp_path / "swirl.py").exists()


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda path: path.name)
def test_forms_and_workflows_are_yaml(path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    if path.parent.name == "ISSUE_TEMPLATE" and path.name != "config.yml":
        fields = [part["id"] for part in found["body"]]
        assert fields
        assert len(set(fields)) == len(fields)


def test_the_workflow_runs_what_runs_here() -> None:
    assert "run: .ci/run" in (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci/run", os.X_OK)
