"""A page each of the probes, structures, layers and encodings is made from what `probekit show` says of them.

mkdocs calls `on_files` and `on_page_markdown` by name. What lies in `examples/` is put on the site too, so
that links to it work here as they do in the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from probekit.cards.markdown import in_markdown
from probekit.cards.notes import HELD
from probekit.cards.tables import Table
from probekit.catalog.registry import registry
from probekit.cli.commands.show import Shown, shown
from probekit.components import Component
from probekit.evidence.certify import Certificate
from probekit.interfaces import Probe
from probekit.items import batch
from probekit.plans.scale import probe_at
from probekit.scores.pictures import Strip, grid

ROOT = Path(__file__).parent.parent
KINDS = ("probe", "structure", "layer", "encoding", "trainer")
SHOWN = (".md", ".html", ".png", ".txt", ".py", ".toml", ".ipynb")
ITEMS = 4


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, their pictures, and what lies in examples/."""
    known = registry()
    for kind in KINDS:
        for component in sorted(known.components(kind), key=lambda one: one.name):
            found = shown(known, component)
            add(files, config, f"reference/{kind}/{component.name}.md", page(component, found))
            if kind == "probe":
                add(files, config, f"reference/probe/{component.name}.png", drawn(component.name))
    add(files, config, "reference/index.md", contents())
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.suffix in SHOWN and path.is_file():
            name = path.relative_to(ROOT).as_posix()
            add(files, config, name.replace("README.md", "index.md"), path.read_bytes())
    add(files, config, "examples/results/index.md", results())
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Turn links to examples/, which are the repository's, into the site's."""
    return re.sub(
        r"\]\(\.\./examples/(probekit-[\w-]+)\)", r"](examples/\1/pyproject.toml)", markdown
    ).replace("](../examples/", "](examples/")


def add(files: Files, config: MkDocsConfig, name: str, content: str | bytes) -> None:
    """Add a file that lies nowhere."""
    if files.get_file_from_path(name) is None:
        files.append(File.generated(config, name, content=content))


def page(component: Component, found: Shown) -> str:
    """Return the page of one component."""
    return "\n".join(parts(component, found))


def parts(component: Component, found: Shown) -> Iterator[str]:
    """Yield a page's parts: what it is, what it is made of, and of a probe what is known of it."""
    yield f"# {component.name}\n\n*{component.kind}*: {component.about}\n"
    if component.kind == "probe":
        yield f"![{ITEMS} items of the scale quick]({component.name}.png)\n"
    yield f"{found.facts['source']}\n\n{found.doc}\n"
    yield f"`{found.facts['address']}`, from {found.facts['distribution']}.\n"
    for table in found.texts():
        yield in_markdown([table]).replace("# ", "## ", 1)
    if component.kind == "probe":
        for content in getattr(made(component.name), "certificates", {}).values():
            yield in_markdown([certified(Certificate.model_validate(content))]).replace("# ", "## ", 1)


def certified(found: Certificate) -> Table:
    """Return a certificate as a table."""
    rows = tuple((check.name, HELD[check.holds], check.evidence) for check in found.checks)
    held = "passed" if found.passed else "FAILED"
    title = f"Certificate at {found.scale}, {found.items:,} items: {held}"
    return Table(title, ("check", "", "evidence"), rows)


def made(name: str, scale: str = "smoke") -> Probe:
    """Return a probe at a scale."""
    return probe_at(name, scale, registry())


def drawn(name: str) -> bytes:
    """Draw items of a probe's test split at quick, PNG bytes."""
    probe = made(name, "quick")
    inputs, targets = batch(probe.data("test", 0), range(ITEMS))
    strips = [Strip(f"#{i}", item) for i, item in enumerate(zip(inputs, targets, strict=True))]
    return grid(f"{name}, scale quick", ("input", "target"), strips)


def contents() -> str:
    """Return the list of all there is."""
    lines = ["# Reference\n"]
    for kind in KINDS:
        lines.append(f"\n## {kind.capitalize()}s\n")
        for one in sorted(registry().components(kind), key=lambda one: one.name):
            lines.append(f"- [{one.name}]({kind}/{one.name}.md): {one.about}")
    return "\n".join(lines)


def results() -> str:
    """Return the list of the results that are kept in the repository."""
    paths = sorted((ROOT / "examples/results").glob("*.*"))
    lines = [f"- [{path.name}]({path.name})" for path in paths if path.suffix in SHOWN]
    return "\n".join(["# Results\n", "Runs whose tables and pages are kept with the code.\n", *lines])
