"""An origin is where a component came from: its plugin, its distribution, and the hash of its source."""

from __future__ import annotations

from probekit.catalog.files import stands_alone
from probekit.catalog.part import Part
from probekit.catalog.registry import Registry
from probekit.catalog.sources import importable, source_hash
from probekit.plans.plan import Used


def used_of(found: Part, registry: Registry) -> Used:
    """Note where a part came from; its source is its address's too, where a partial may have been made."""
    address = found.component.target
    record = registry.owner(found.component)
    version = getattr(found.target, "version", None)
    return Used(
        kind=found.component.kind,
        name=found.component.name,
        plugin=found.component.plugin,
        distribution=record.distribution if record else "",
        distribution_version=record.version if record else "",
        version=version if isinstance(version, int) else None,
        source=source_hash(found.target, address.partition(":")[0] if isinstance(address, str) else ""),
    )


def traceable(found: Part) -> bool:
    """Tell whether the sources say all that a part is; what was handed over as an object may hold more.

    A file that imports what lies beside it does not: the neighbour's changes would not be seen.
    """
    address = found.component.target
    if isinstance(address, str):
        return stands_alone(address.partition(":")[0])
    return importable(found.target) and source_hash(found.target) is not None
