"""An origin records where a component came from: plugin, distribution, and the files it names."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from probekit.catalog.identity.syntax import hash_syntax
from probekit.catalog.part import Part
from probekit.catalog.registry import Registry
from probekit.plans.plan import UsedComponent
from probekit.plugin.interfaces import Value


def record_origin(part: Part, registry: Registry) -> UsedComponent:
    """Return where a component came from.

    Only the syntax of a trainer, its optimiser and a metric is recorded: other code shows in a run's first
    steps and answers.
    """
    component, record = part.component, registry.find_plugin(part.component)
    version = getattr(part.target, "version", None)
    return UsedComponent(
        kind=component.kind,
        name=component.name,
        plugin=component.plugin,
        distribution=record.distribution if record else "",
        distribution_version=record.version if record else "",
        version=version if isinstance(version, int) else None,
        files=hash_files(part.params),
        syntax=hash_syntax(part.target) if component.kind in ("trainer", "optimiser", "metric") else "",
    )


def hash_files(params: Mapping[str, Value]) -> dict[str, str]:
    """Return the sha256 of each parameter that names a file, or a folder with the files directly in it."""
    hashes: dict[str, str] = {}
    for name, value in params.items():
        if not isinstance(value, str) or not value:
            continue
        try:
            path = Path(value).expanduser()
            if path.is_file():
                hashes[name] = hash_file(path)
            elif path.is_dir():
                files = sorted(entry for entry in path.iterdir() if entry.is_file())
                lines = "\n".join(f"{file.name} {hash_file(file)}" for file in files)
                hashes[name] = hashlib.sha256(lines.encode()).hexdigest()
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: no such home folder
            hashes[name] = f"unreadable: {type(error).__name__}"
    return hashes


def hash_file(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
