"""An origin is where a component came from, and all that its code, its process and its files say of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping

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
    """Return the sha256 of each parameter that names a file, and whether one could not be read."""
    found: dict[str, str] = {}
    for name, path in _named(params):
        try:
            with open(path, "rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return found, True
    return found, False


def _named(params: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in params.items():
        if isinstance(value, str) and value and os.path.isfile(value):
            yield name, value
