"""The scaffold writes a package with a component of one's own, which works as it is written."""

from __future__ import annotations

import importlib.metadata
import keyword
from collections.abc import Mapping
from pathlib import Path

from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.components import NAME
from probekit.errors import ProbekitError, UsageError, did_you_mean, explain_refusal

ABOUT: Mapping[str, str] = {
    "layer": "every position receives a mix of the mean over all positions",
    "structure": "convolutions in a row, with a layer after each",
    "encoding": "a learned vector a position",
    "probe": "paint a row in the colour of its first place",
    "trainer": "stochastic gradient descent with momentum",
}
"""By kind, what the component does that the package starts with."""
RUN: Mapping[str, str] = {
    "layer": "probekit run nonlocality -s unet+{name} --scale smoke",
    "structure": "probekit run nonlocality -s {name}+lambda --scale smoke",
    "encoding": "probekit run nonlocality -s unet+lambda+{name} --scale smoke",
    "probe": "probekit run {name} -s unet+lambda --scale smoke",
    "trainer": 'probekit run nonlocality -s unet --trainer "{name}(epochs=1)" --scale smoke',
}


def new(kind: str, name: str, into: Path, known: Registry) -> Path:
    """Write the package probekit-NAME into a folder and return its path.

    Raises UsageError for a kind that has no template, an impossible name, a name that is taken, or where
    there is something at that path already; ProbekitError where the disk refuses.
    """
    if kind not in ABOUT:
        raise UsageError(f"a new {kind}", "there is no template for it", did_you_mean(kind, ABOUT))
    title = "".join(word.capitalize() for word in name.split("-"))
    if not NAME.fullmatch(name) or keyword.iskeyword(title):
        hint = "Names are lower-case words joined by hyphens, as global-context."
        raise UsageError(f"a new {kind} called {name!r}", "that is no name", hint)
    if kind in known.kinds_of(name):
        owner = known.find(kind, name).plugin
        raise UsageError(f"a new {kind} called {name}", f"plugin {owner} has one", "Choose another name.")
    folder = into / f"probekit-{name}"
    package = f"probekit_{name.replace('-', '_')}"
    values = {
        "kind": kind,
        "name": name,
        "package": package,
        "class": title,
        "about": ABOUT[kind],
        "run": RUN[kind].format(name=name),
        "version": importlib.metadata.version(DISTRIBUTION).rpartition(".")[0],
    }
    files = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{package}/__init__.py": "__init__.py",
        f"{package}/{kind}.py": f"{kind}.py",
        f"tests/test_{name.replace('-', '_')}.py": "test.py",
    }
    try:
        folder.mkdir(parents=True)
        for path, template in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(rendered(template, values), encoding="utf-8")
    except FileExistsError:
        raise UsageError(
            f"writing {folder}", "there is something of that name", "Choose another name or --into DIR."
        ) from None
    except OSError as error:
        found, hint = explain_refusal(error, "Name another place with --into DIR.")
        raise ProbekitError(f"writing {folder}", found, hint) from error
    return folder


def rendered(template: str, values: Mapping[str, str]) -> str:
    """Return a template with the values filled in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("probekit.authors")
    whole = Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)
    return whole.get_template(f"{template}.jinja").render(values)
