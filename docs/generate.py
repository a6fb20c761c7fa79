"""A hook of mkdocs writes one page per component, from the output of `probekit show`.

mkdocs calls `on_files` and `on_page_markdown` by name. The files in `examples/` become part of the site, too,
so that links to them work as they do in the repository.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from griffe import Docstring, DocstringElement, DocstringSectionKind
from mathematics import set_mathematics
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from probekit.cards.markdown import tables_to_markdown
from probekit.cards.notes import CHECK_WORDS
from probekit.cards.tables import Table
from probekit.catalog.registry import registry
from probekit.cli.commands.show import ComponentDescription, describe_component
from probekit.evidence.certify import Certificate
from probekit.plans.scale import make_probe_at
from probekit.plugin.components import KINDS, Component
from probekit.plugin.interfaces import Probe
from probekit.plugin.items import read_batch
from probekit.rows.layer_summary import list_costs, list_lines
from probekit.scores.pictures import GridRow, draw_grid

ROOT = Path(__file__).parent.parent
PLUGINS = ROOT / "docs/plugins.toml"
SHOWN = (".md", ".html", ".png", ".txt", ".py", ".toml", ".ipynb")
ITEMS = 4
PAPER = re.compile(r"(?P<archive>arXiv|doi):(?P<number>\d{4}\.\d{4,5}|10\.\d+/[^\s,;)\]]*[\w])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, their pictures, and the files in examples/."""
    plugin_registry = registry()
    for kind in KINDS:
        for component in sorted(plugin_registry.components(kind), key=lambda item: item.name):
            description = describe_component(plugin_registry, component)
            text = write_component_page(component, description)
            add_file(files, config, f"reference/{kind}/{component.name}.md", text)
            if kind == "probe":
                picture = draw_items(component.name)
                add_file(files, config, f"reference/probe/{component.name}.png", picture)
    add_file(files, config, "reference/index.md", write_reference_index())
    add_file(files, config, "known-plugins.md", write_plugins_page())
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.suffix in SHOWN and path.is_file():
            name = path.relative_to(ROOT).as_posix()
            add_file(files, config, name.replace("README.md", "index.md"), path.read_bytes())
    add_file(files, config, "examples/results/index.md", write_results_index())
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links to examples/ of the repository into links of the site."""
    return re.sub(
        r"\]\(\.\./examples/(probekit-[\w-]+)\)", r"](examples/\1/pyproject.toml)", markdown
    ).replace("](../examples/", "](examples/")


def add_file(files: Files, config: MkDocsConfig, name: str, content: str | bytes) -> None:
    """Add a generated file, which is not on disk."""
    if files.get_file_from_path(name) is None:
        files.append(File.generated(config, name, content=content))


def write_component_page(component: Component, description: ComponentDescription) -> str:
    """Return the page of one component."""
    return "\n".join(list_sections(component, description))


def list_sections(component: Component, description: ComponentDescription) -> Iterator[str]:
    """Yield the sections of a page: description and tables; for a probe, also its certificates."""
    yield f"# {component.name}\n\n*{component.kind}*: {component.about}\n"
    if component.kind == "probe":
        yield f"![{ITEMS} items of the scale quick]({component.name}.png)\n"
    text = f"{description.facts['source']}\n\n{set_mathematics(format_docstring(description.doc))}\n"
    yield PAPER.sub(link_paper, text)
    yield f"`{description.facts['address']}`, from {description.facts['distribution']}.\n"
    for table in description.make_tables():
        yield tables_to_markdown([table]).replace("# ", "## ", 1)
    if component.kind == "layer":
        yield "\n".join(list_cost_section(component, description))
    module = inspect.getmodule(registry().load_target(component))
    if reference := getattr(module, "reference", None):
        source = inspect.getsource(reference)
        yield f"## Formula as a loop\n\nTests compare the layer with it:\n\n```python\n{source}```\n"
    if component.kind == "probe":
        for content in getattr(make_probe(component.name), "certificates", {}).values():
            table = certificate_table(Certificate.model_validate(content))
            yield tables_to_markdown([table]).replace("# ", "## ", 1)


def list_cost_section(component: Component, description: ComponentDescription) -> Iterator[str]:
    """Yield the parts of the section about a layer's cost."""
    cost = description.facts["cost"]
    yield f"## cost\n\n{cost[0].upper()}{cost[1:]}.\n"
    if costs := list_costs(list_lines(component.name, registry())):
        rows = tuple(tuple(cost.values()) for cost in costs)
        yield "The network is the probe's own host with the layer, as in the survey:\n"
        yield tables_to_markdown([Table("", tuple(costs[0]), rows)]).partition("\n")[2]


def link_paper(match: re.Match[str]) -> str:
    """Return a number of arXiv or a DOI as a link in Markdown."""
    host = "https://arxiv.org/abs" if match["archive"] == "arXiv" else "https://doi.org"
    return f"[{match[0]}]({host}/{match['number']})"


def format_docstring(text: str) -> str:
    """Return a Google docstring as Markdown: its sections have headings in bold, its entries are lists."""
    parts = []
    for section in Docstring(text, parser="google").parse(warnings=False):
        if section.kind is DocstringSectionKind.text:
            parts.append(section.value)
        elif (
            section.kind is DocstringSectionKind.admonition
        ):  # as `Shape`, which Google's style does not know
            parts.append(f"**{section.title}:** {section.value.contents}")
        else:
            entries = [
                f"- {name_entry(entry)}{' '.join(entry.description.split())}" for entry in section.value
            ]
            parts.append(f"**{section.kind.value.capitalize()}**\n\n" + "\n".join(entries))
    return "\n\n".join(parts)


def name_entry(entry: DocstringElement) -> str:
    """Return what stands before the description of a parameter, an exception or a returned value."""
    name = getattr(entry, "name", "") or entry.annotation
    return f"`{name}`: " if name else ""


def certificate_table(certificate: Certificate) -> Table:
    """Return a certificate as a table."""
    rows = tuple((check.name, CHECK_WORDS[check.holds], check.evidence) for check in certificate.checks)
    outcome = "passed" if certificate.passed else "FAILED"
    title = f"Certificate at {certificate.scale}, {certificate.items:,} items: {outcome}"
    return Table(title, ("check", "", "evidence"), rows)


def make_probe(name: str, scale: str = "smoke") -> Probe:
    """Make a probe at a scale."""
    return make_probe_at(name, scale, registry())


def draw_items(name: str) -> bytes:
    """Draw items of a probe's test split at quick, as PNG bytes."""
    probe = make_probe(name, "quick")
    inputs, targets = read_batch(probe.data("test", 0), range(ITEMS))
    strips = [GridRow(f"#{i}", item) for i, item in enumerate(zip(inputs, targets, strict=True))]
    return draw_grid(f"{name}, scale quick", ("input", "target"), strips)


def write_reference_index() -> str:
    """Return the list of all components."""
    lines = ["# Reference\n"]
    for kind in KINDS:
        components = sorted(registry().components(kind), key=lambda item: item.name)
        lines += [f"\n## {kind.capitalize()}s\n"] if components else []
        for component in components:
            lines.append(f"- [{component.name}]({kind}/{component.name}.md): {component.about}")
    return "\n".join(lines)


def write_results_index() -> str:
    """Return the list of the committed results."""
    paths = sorted((ROOT / "examples/results").glob("*.*"))
    lines = [f"- [{path.name}]({path.name})" for path in paths if path.suffix in SHOWN]
    return "\n".join(["# Results\n", "Tables and pages of runs that are committed with the code.\n", *lines])


def write_plugins_page() -> str:
    """Return the list of known plugins, from plugins.toml."""
    lines = [
        "# Known plugins\n",
        "`pip install ./FOLDER` installs one from a copy of the repository.",
        "[Publishing](publishing.md) says how to add yours.\n",
        "| plugin | kind | components | what it does |",
        "|---|---|---|---|",
    ]
    for plugin in tomllib.loads(PLUGINS.read_text(encoding="utf-8"))["plugin"]:
        components = ", ".join(f"`{name}`" for name in plugin["components"]) or "observes every run"
        link = f"[{plugin['name']}]({plugin['folder']}/pyproject.toml)"
        lines.append(f"| {link} | {plugin['kind']} | {components} | {plugin['about']} |")
    return "\n".join(lines)
