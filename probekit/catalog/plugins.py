"""A plugin is an entry point, opened: its record and its components, or why it was set aside."""

from __future__ import annotations

import contextlib
import importlib.metadata
import re
import time
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pluggy

from probekit.catalog.guest import hidden, hosted
from probekit.components import Component, Kind
from probekit.errors import ProbekitError, UsageError, missing, reason

GROUP = "probekit"
DISTRIBUTION = "probekit-nn"


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """What became of one entry point.

    name, value: as declared ("layers", "probekit_plugins.layers"); where another distribution declares the
    same name, its own stands before it ("acme/layers"). distribution, version: who brought it.
    seconds: what opening it took. components: how many it registered.
    error: one line that says why it was set aside, or None; fix: a sentence that says what to do about it;
    trace: the traceback that goes with it.
    """

    name: str
    value: str
    distribution: str
    version: str
    seconds: float = 0.0
    components: int = 0
    error: str | None = None
    fix: str = ""
    skipped: bool = False
    trace: str = ""


def open_plugin(
    manager: pluggy.PluginManager, entry: importlib.metadata.EntryPoint, record: PluginRecord
) -> tuple[PluginRecord, list[Component]]:
    """Open one entry point: its record, and its components unless it was skipped or had to be set aside."""
    if record.skipped:
        return record, []
    start = time.perf_counter()
    plugin = None
    components: list[Component] = []
    try:
        if said := hidden(entry.module):
            raise ProbekitError(f"the entry point {entry.value}", said, "Give the module another name.")
        with hosted():
            plugin = entry.load()
            if (least := getattr(plugin, "requires_probekit", None)) is not None:
                check_version(least)
            if manager.has_plugin(record.name) or manager.is_registered(plugin):
                raise ValueError(f"{entry.value} or another plugin called {record.name} is already open")
            manager.register(plugin, name=record.name)
            manager.check_pending()
            if not manager.get_hookcallers(plugin):
                raise TypeError("it implements none of probekit's hooks; is @hookimpl missing?")
            components = _registered(record.name, call_alone(manager, "probekit_components", plugin, {}))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if plugin is not None and manager.get_plugin(record.name) is plugin:
            manager.unregister(plugin)
        said, fix = reason(error), missing(error) or "`probekit plugins --trace` shows where."
        if isinstance(error, ProbekitError):
            said, fix = f"{error.asked}: {error.found}", error.hint
        fix += f" PROBEKIT_SKIP={record.name} leaves it out."
        record = replace(record, error=said, fix=fix, trace=traceback.format_exc())
    return replace(record, seconds=time.perf_counter() - start, components=len(components)), components


def check_version(least: object) -> None:
    """Raise ProbekitError where `requires_probekit`, the least version a plugin needs, is not reached."""
    here = importlib.metadata.version(DISTRIBUTION)
    if not isinstance(least, str) or not re.fullmatch(r"\d+(\.\d+)*", least):
        raise ProbekitError(f"requires_probekit = {least!r}", "it is no version", 'Write it as "0.1".')
    if _numbers(least) > _numbers(here):
        raise ProbekitError(f"probekit {least}, which it requires", f"this is {here}", "Upgrade probekit.")


def _numbers(version: str) -> list[int]:
    """Return the numbers a version starts with; zeros at the end say nothing."""
    leading = re.match(r"[\d.]*", version)
    numbers = [int(number) for number in leading.group().split(".") if number] if leading else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def call_alone(manager: pluggy.PluginManager, hook: str, plugin: object, given: Mapping[str, Any]) -> Any:
    """Call a hook of one plugin alone, as pluggy stops at the first that raises."""
    others = [other for other in manager.get_plugins() if other is not plugin]
    return manager.subset_hook_caller(hook, others)(**given)


def _registered(plugin: str, results: list[Iterable[Component]]) -> list[Component]:
    """Check and stamp what a plugin registered."""
    components = []
    for component in (component for result in results for component in result):
        if not isinstance(component, Component):
            raise TypeError(f"probekit_components gave {component!r}, which is not a Component")
        components.append(replace(component, plugin=plugin))
    return without_twins(components)


def without_twins(components: list[Component]) -> list[Component]:
    """Return the components; raise UsageError where two of one plugin share kind and name."""
    seen: set[tuple[Kind, str]] = set()
    for component in components:
        key = (component.kind, component.name)
        if key in seen:
            raise UsageError(
                f"{component.kind} {component.name!r}",
                f"plugin {component.plugin} registers it twice",
                "Give one of them another name.",
            )
        seen.add(key)
    return components


def entry_points(complaints: list[str]) -> Iterator[importlib.metadata.EntryPoint]:
    """Yield the entry points of the group "probekit"; a distribution that cannot be read costs no other's.

    complaints: told of such a distribution.
    """
    try:
        yield from importlib.metadata.entry_points(group=GROUP)
        return
    except Exception:  # one distribution's entry_points.txt: which, the loop below finds out
        pass
    seen: set[str] = set()
    for place, distribution in enumerate(importlib.metadata.distributions()):
        name = _said(distribution)[0] or f"number {place + 1} on the path"
        if name in seen:  # hidden by one that stands before it on the path
            continue
        seen.add(name)
        try:
            yield from distribution.entry_points.select(group=GROUP)
        except Exception as error:
            complaints.append(
                f"the entry points of distribution {name} cannot be read ({reason(error)}); "
                "if it holds plugins, they are left out. Install it anew."
            )


def records(
    entries: Sequence[importlib.metadata.EntryPoint], skip: Collection[str]
) -> tuple[list[PluginRecord], list[str]]:
    """Return a record of each entry point before it is opened, and the names in `skip` that are nobody's.

    Of entry points of one name probekit's own keeps it, and the others are called DISTRIBUTION/NAME; so the
    word in `skip` leaves one out. Where nobody is called by that name alone, it leaves all of them out.
    """
    whose = [_said(entry.dist) for entry in entries]
    times = Counter(entry.name for entry in entries)
    found: list[PluginRecord] = []
    for entry, (distribution, version) in zip(entries, whose, strict=True):
        alone = times[entry.name] == 1 or distribution == DISTRIBUTION
        holder = distribution or entry.value.partition(".")[0].partition(":")[0]
        name = entry.name if alone else f"{holder}/{entry.name}"
        found.append(PluginRecord(name, entry.value, distribution, version))
    names = {record.name for record in found}
    known: set[str] = set()
    for place, (entry, record) in enumerate(zip(entries, found, strict=True)):
        called = {record.name, f"{record.distribution}/{entry.name}"}
        called |= {entry.name} - names
        known |= called
        found[place] = replace(record, skipped=not called.isdisjoint(skip))
    return found, sorted(set(skip) - known)


def _said(distribution: importlib.metadata.Distribution | None) -> tuple[str, str]:
    """Return the name and version of a distribution, as far as it says."""
    with contextlib.suppress(Exception):  # it has no METADATA, or none that is UTF-8: it opens all the same
        return (distribution.name or "", distribution.version or "") if distribution else ("", "")
    return "", ""
