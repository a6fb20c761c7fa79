"""Plugins are found by entry points and opened: each is a record with its components, or with its error."""

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

from probekit.catalog.plugin_code import explain_name_clash, guard_plugin_code
from probekit.plugin import hookspecs
from probekit.plugin.components import Component, Kind
from probekit.plugin.errors import ProbekitError, UsageError, describe_error, suggest_install

GROUP = "probekit"
DISTRIBUTION = "probekit-nn"


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """The record of one entry point.

    Args:
        name: the declared name ("layers"); "acme/layers" if another distribution declares the same name.
        value: the declared value ("probekit_plugins.layers").
        distribution, version: the distribution that contains it.
        seconds: the time to open it.
        components: the number of components that it registered.
        error: one line that says why it could not be opened, None if it was opened or skipped.
        fix: a sentence that says what to do about the error.
        skipped: whether PROBEKIT_SKIP names it.
        trace: the traceback of the error.
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


def make_manager() -> pluggy.PluginManager:
    """Return a manager that knows the hooks, without plugins."""
    manager = pluggy.PluginManager("probekit")
    manager.add_hookspecs(hookspecs)
    return manager


def open_plugin(
    manager: pluggy.PluginManager, entry: importlib.metadata.EntryPoint, record: PluginRecord
) -> tuple[PluginRecord, list[Component]]:
    """Open one entry point.

    Returns:
        Its record and its components; none if it is skipped or fails.
    """
    if record.skipped:
        return record, []
    start = time.perf_counter()
    plugin = None
    components: list[Component] = []
    try:
        if clash := explain_name_clash(entry.module):
            raise ProbekitError(f"the entry point {entry.value}", clash, "Give the module another name.")
        with guard_plugin_code():
            plugin = entry.load()
            if (required := getattr(plugin, "requires_probekit", None)) is not None:
                check_version(required)
            if manager.has_plugin(record.name) or manager.is_registered(plugin):
                raise ValueError(f"{entry.value} or another plugin called {record.name} is already open")
            manager.register(plugin, name=record.name)
            manager.check_pending()
            if not manager.get_hookcallers(plugin):
                raise TypeError("it implements none of probekit's hooks; is @hookimpl missing?")
            components = _collect_components(
                record.name, call_hook_of(manager, "probekit_components", plugin, {})
            )
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if plugin is not None and manager.get_plugin(record.name) is plugin:
            manager.unregister(plugin)
        problem, fix = (
            describe_error(error),
            suggest_install(error) or "`probekit plugins --trace` shows where.",
        )
        if isinstance(error, ProbekitError):
            problem, fix = f"{error.request}: {error.problem}", error.hint
        fix += f" PROBEKIT_SKIP={record.name} leaves it out."
        record = replace(record, error=problem, fix=fix, trace=traceback.format_exc())
    return replace(record, seconds=time.perf_counter() - start, components=len(components)), components


def check_version(required: object) -> None:
    """Raise ProbekitError if probekit is older than `requires_probekit` of a plugin."""
    installed = importlib.metadata.version(DISTRIBUTION)
    if not isinstance(required, str) or not re.fullmatch(r"\d+(\.\d+)*", required):
        raise ProbekitError(f"requires_probekit = {required!r}", "it is not a version", 'Write it as "0.1".')
    if _split_version(required) > _split_version(installed):
        raise ProbekitError(
            f"probekit {required}, which it requires", f"{installed} is installed", "Upgrade probekit."
        )


def _split_version(version: str) -> list[int]:
    """Return the numbers at the start of a version, without zeros at the end."""
    leading = re.match(r"[\d.]*", version)
    numbers = [int(number) for number in leading.group().split(".") if number] if leading else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def call_hook_of(manager: pluggy.PluginManager, hook: str, plugin: object, kwargs: Mapping[str, Any]) -> Any:
    """Call a hook of one plugin only; pluggy stops at the first plugin that raises."""
    excluded = [registered for registered in manager.get_plugins() if registered is not plugin]
    return manager.subset_hook_caller(hook, excluded)(**kwargs)


def _collect_components(plugin: str, results: list[Iterable[Component]]) -> list[Component]:
    """Check the components that a plugin returned, and set their plugin."""
    components = []
    for component in (component for result in results for component in result):
        if not isinstance(component, Component):
            raise TypeError(f"probekit_components returned {component!r}, which is not a Component")
        components.append(replace(component, plugin=plugin))
    return check_unique(components)


def check_unique(components: list[Component]) -> list[Component]:
    """Return the components unchanged; raise UsageError if two of one plugin share kind and name."""
    taken: set[tuple[Kind, str]] = set()
    for component in components:
        key = (component.kind, component.name)
        if key in taken:
            raise UsageError(
                f"{component.kind} {component.name!r}",
                f"plugin {component.plugin} registers it twice",
                "Give one of them another name.",
            )
        taken.add(key)
    return components


def find_entry_points(complaints: list[str]) -> Iterator[importlib.metadata.EntryPoint]:
    """Yield the entry points of the group "probekit".

    Args:
        complaints: gets a line for each distribution that cannot be read; the others are still yielded.
    """
    try:
        yield from importlib.metadata.entry_points(group=GROUP)
        return
    except Exception:  # the entry_points.txt of one distribution is bad; the loop below finds it
        pass
    names: set[str] = set()
    for index, distribution in enumerate(importlib.metadata.distributions()):
        name = _read_metadata(distribution)[0] or f"number {index + 1} on the path"
        if name in names:  # an earlier one on the path hides it
            continue
        names.add(name)
        try:
            yield from distribution.entry_points.select(group=GROUP)
        except Exception as error:
            complaints.append(
                f"the entry points of distribution {name} cannot be read ({describe_error(error)}); "
                "if it has plugins, they are left out. Reinstall it."
            )


def make_records(
    entries: Sequence[importlib.metadata.EntryPoint], skip: Collection[str]
) -> tuple[list[PluginRecord], list[str]]:
    """Return a record of each entry point before it is opened, and the unknown names in `skip`.

    If entry points share a name, probekit's own keeps it and the others are called DISTRIBUTION/NAME, so that
    a name in `skip` means one of them. If none keeps the bare name, it means all of them.
    """
    metadata = [_read_metadata(entry.dist) for entry in entries]
    counts = Counter(entry.name for entry in entries)
    plugins: list[PluginRecord] = []
    for entry, (distribution, version) in zip(entries, metadata, strict=True):
        keeps_name = counts[entry.name] == 1 or distribution == DISTRIBUTION
        prefix = distribution or entry.value.partition(".")[0].partition(":")[0]
        name = entry.name if keeps_name else f"{prefix}/{entry.name}"
        plugins.append(PluginRecord(name, entry.value, distribution, version))
    names = {record.name for record in plugins}
    all_aliases: set[str] = set()
    for index, (entry, record) in enumerate(zip(entries, plugins, strict=True)):
        aliases = {record.name, f"{record.distribution}/{entry.name}"}
        aliases |= {entry.name} - names
        all_aliases |= aliases
        plugins[index] = replace(record, skipped=not aliases.isdisjoint(skip))
    return plugins, sorted(set(skip) - all_aliases)


def _read_metadata(distribution: importlib.metadata.Distribution | None) -> tuple[str, str]:
    """Return the name and version of a distribution, "" where they cannot be read."""
    with contextlib.suppress(Exception):  # its METADATA may be missing or not UTF-8; its plugins still open
        return (distribution.name or "", distribution.version or "") if distribution else ("", "")
    return "", ""
