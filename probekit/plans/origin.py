"""An origin is where a component came from, and all that its code, its process and its files say of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from probekit.catalog.code.reads import Reads
from probekit.catalog.code.sources import importable, sources_of
from probekit.catalog.part import Part
from probekit.catalog.plugins import DISTRIBUTION
from probekit.catalog.registry import Registry
from probekit.interfaces import Value
from probekit.plans.plan import Used


def origin(found: Part, registry: Registry) -> tuple[Used, bool]:
    """Note where a part came from; tell, too, whether what is noted says all that the part is.

    It does not for what was handed over as an object that its module does not hold, where a file was edited
    after it was loaded, and where the code reads a value that cannot be read off, as an open file. The source
    is that of the part's address too, where a partial may have been made.
    """
    address = found.component.target
    record = registry.owner(found.component)
    own = frozenset({DISTRIBUTION, record.distribution if record else ""})
    module = address.partition(":")[0] if isinstance(address, str) else ""
    sources = sources_of(found.target, module, own)
    reads = None if sources is None else Reads(found.target, sources.modules)
    files, unread = _files(found.params)
    version = getattr(found.target, "version", None)
    used = Used(
        kind=found.component.kind,
        name=found.component.name,
        plugin=found.component.plugin,
        distribution=record.distribution if record else "",
        distribution_version=record.version if record else "",
        version=version if isinstance(version, int) else None,
        source=sources.digest if sources is not None else None,
        imports={**sources.distributions, **reads.distributions} if sources and reads else {},
        values=dict(sorted(reads.values.items())) if reads else {},
        files=files,
    )
    told = isinstance(address, str) or (importable(found.target) and sources is not None)
    return used, told and not (unread or (reads and reads.unread) or (sources and sources.edited))


def _files(params: Mapping[str, Value]) -> tuple[dict[str, str], bool]:
    """Return the sha256 of what parameters that name a file or a folder hold, and whether one is unread."""
    found: dict[str, str] = {}
    for name, path in _named(params):
        try:
            if path.is_file():
                found[name] = _digest(path)
            elif held := _files_of(path):
                found[name] = hashlib.sha256("\n".join(held).encode()).hexdigest()
        except OSError:
            return found, True
    return found, False


def _named(params: Mapping[str, Value]) -> Iterator[tuple[str, Path]]:
    for name, value in params.items():
        if isinstance(value, str) and value and (os.path.isfile(value) or os.path.isdir(value)):
            yield name, Path(value)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files_of(folder: Path) -> list[str]:
    """Return the names and digests of the files in a folder, those in its folders left out."""
    return [f"{path.name} {_digest(path)}" for path in sorted(folder.iterdir()) if path.is_file()]
