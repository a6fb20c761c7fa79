"""The scaffold creates a plugin package from templates."""

from __future__ import annotations

import datetime
import importlib.metadata
import keyword
from collections.abc import Mapping
from pathlib import Path

from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.plugin.components import ADDITIONS, NAME_PATTERN
from probekit.plugin.errors import ProbekitError, UsageError, did_you_mean, explain_os_error

DESCRIPTIONS: Mapping[str, str] = {
    "layer": "every position receives the mean over all positions, transformed by an MLP",
    "combinator": "a gate weights the outputs of layers at each position",
    "structure": "a stack of convolutions, with a layer after each",
    "encoding": "a learned vector per position",
    "probe": "paint a row in the color of its first position",
    "trainer": "stochastic gradient descent with momentum",
    "optimiser": "momentum with decoupled weight decay",
    "metric": "share of items in which enough answers are right",
    "scale": "seconds: sequences of 20 moves",
    "control": "the mean target of each position",
    "executor": "some workers at a time on this machine",
    "observer": "a line of JSON per run in a file",
}
"""By kind, what the template's component does."""
RUN_COMMANDS: Mapping[str, str] = {
    "layer": "probekit run nonlocality -s unet+{name} --scale smoke",
    "combinator": 'probekit run recall -s "{name}(gru,transformer)" --scale smoke',
    "structure": "probekit run nonlocality -s {name}+lambda --scale smoke",
    "encoding": "probekit run nonlocality -s unet+lambda+{name} --scale smoke",
    "probe": "probekit run {name} -s unet+lambda --scale smoke",
    "trainer": 'probekit run nonlocality -s unet --trainer "{name}(epochs=1)" --scale smoke',
    "optimiser": 'probekit run nonlocality -s unet --trainer "optimised(optimiser={name})" --scale smoke',
    "metric": 'probekit run {probe} -s gru --scale smoke --metric "{name}(share=0.9)"',
    "scale": "probekit run {probe} -s gru --scale {name}",
    "control": "probekit certify {probe} --scale smoke --control {name}",
    "executor": "probekit run nonlocality -s unet --scale smoke --executor {name}",
    "observer": "PROBEKIT_OBSERVE={name} probekit run nonlocality -s unet --scale smoke",
}
"""By kind, a command that runs the component."""
EXTENDED_PROBE = "parity"
"""The probe that the templates of metrics, scales and controls extend."""


def create_package(kind: str, name: str, into: Path, registry: Registry) -> Path:
    """Create the package probekit-NAME in a folder.

    Args:
        kind: layer, combinator, structure, encoding, probe, trainer, optimiser, metric, scale, control,
            executor or observer.
        name: name of the component.
        into: the folder that will contain the package.
        registry: the installed components.

    Returns:
        The path of the package.

    Raises:
        UsageError: the kind has no template, the name is invalid or taken, or the path exists.
        ProbekitError: the package cannot be written.
    """
    if kind not in DESCRIPTIONS:
        raise UsageError(
            f"a new {kind}", "there is no template for this kind", did_you_mean(kind, DESCRIPTIONS)
        )
    class_name = "".join(word.capitalize() for word in name.split("-"))
    if not NAME_PATTERN.fullmatch(name) or keyword.iskeyword(class_name):
        hint = "Names are lowercase words joined by hyphens, for example global-context."
        raise UsageError(f"a new {kind} called {name!r}", "this is not a valid name", hint)
    if kind in registry.kinds_of(name):
        owner = registry.find_component(kind, name).plugin
        raise UsageError(
            f"a new {kind} called {name}", f"plugin {owner} uses this name", "Choose another name."
        )
    folder = into / f"probekit-{name}"
    package = f"probekit_{name.replace('-', '_')}"
    values = {
        "kind": kind,
        "name": name,
        "package": package,
        "class": class_name,
        "about": DESCRIPTIONS[kind],
        "run": describe_run(kind, name),
        "probe": EXTENDED_PROBE if kind in ADDITIONS else "",
        "target": f"make_{kind}" if kind in ("metric", "scale") else class_name,
        "year": str(datetime.date.today().year),
        **get_version_bounds(),
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "LICENSE": "LICENSE",
        ".gitignore": "gitignore",
        ".github/workflows/ci.yml": "ci.yml",
        f"{package}/__init__.py": "__init__.py",
        f"{package}/{kind}.py": f"{kind}.py",
        f"tests/test_{name.replace('-', '_')}.py": "test.py",
    }
    try:
        folder.mkdir(parents=True)
        for path, template in templates.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(render_template(template, values), encoding="utf-8")
        (folder / package / "py.typed").touch()
    except FileExistsError:
        hint = "Choose another name, or another folder with --into DIR."
        raise UsageError(f"writing {folder}", "it already exists", hint) from None
    except OSError as error:
        reason, hint = explain_os_error(error, "Choose another folder with --into DIR.")
        raise ProbekitError(f"writing {folder}", reason, hint) from error
    return folder


def describe_run(kind: str, name: str) -> str:
    """Return a command that runs a component of the template."""
    return RUN_COMMANDS[kind].format(name=name, probe=EXTENDED_PROBE)


def get_version_bounds() -> dict[str, str]:
    """Return the first two numbers of probekit's version, the least to require, and the first excluded one.

    The interfaces of plugins change only with the second number of the version.
    """
    version = importlib.metadata.version(DISTRIBUTION)
    major, minor, *_ = version.split(".")
    numbers, is_release = f"{major}.{minor}", version.replace(".", "").isdecimal()
    least = numbers if is_release else version
    return {"version": numbers, "least_version": least, "next_version": f"{major}.{int(minor) + 1}"}


def render_template(template: str, values: Mapping[str, str]) -> str:
    """Return a template with the values filled in."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("probekit.authors")
    templates = Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)
    return templates.get_template(f"{template}.jinja").render(values)
