"""The registry opens every plugin's door, one by one, sets the broken aside and finds components by name."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import os
import sys
import time
import traceback
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pluggy

from probekit import hookspecs
from probekit.components import KINDS, Component, Kind
from probekit.errors import ProbekitError, UsageError, did_you_mean, reason

GROUP = "probekit"


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """What became of one entry point.

    name, value: as declared ("layers", "probekit_plugins.layers"). distribution, version: who brought it.
    seconds: what opening it took. components: how many it registered.
    error: one line that says why it was set aside, or None; trace: the traceback that goes with it.
    """

    name: str
    value: str
    distribution: str
    version: str
    seconds: float = 0.0
    components: int = 0
    error: str | None = None
    skipped: bool = False
    trace: str = ""


class Registry:
    """Components by kind and name, and the observers beside them; made by `Registry.load`."""

    def __init__(
        self,
        manager: pluggy.PluginManager,
        plugins: Iterable[PluginRecord],
        components: Iterable[Component],
        complaints: list[str],
        silenced: set[str],
    ) -> None:
        self.plugins = tuple(plugins)
        self.complaints = complaints
        self._components = tuple(sorted(components, key=lambda c: (KINDS.index(c.kind), c.name, c.plugin)))
        self._manager = manager
        self._silenced = silenced

    @classmethod
    def load(cls, skip: Collection[str] | None = None) -> Registry:
        """Open every entry point of the group "probekit" but those in `skip` (by default PROBEKIT_SKIP)."""
        if skip is None:
            skip = {name.strip() for name in os.environ.get("PROBEKIT_SKIP", "").split(",")} - {""}
        manager = pluggy.PluginManager("probekit")
        manager.add_hookspecs(hookspecs)
        records: list[PluginRecord] = []
        components: list[Component] = []
        for entry in importlib.metadata.entry_points(group=GROUP):
            record, found = _open(manager, entry, skip)
            records.append(record)
            components += found
        known = [record.name for record in records]
        complaints = [
            f"PROBEKIT_SKIP names {name!r}, which is no plugin. {did_you_mean(name, known)}"
            for name in sorted(set(skip) - set(known))
        ]
        return cls(manager, records, components, complaints, set())

    @property
    def set_aside(self) -> tuple[PluginRecord, ...]:
        """The plugins that could not be opened."""
        return tuple(record for record in self.plugins if record.error is not None)

    def components(self, kind: Kind | None = None) -> list[Component]:
        """Return all components, or those of one kind, sorted by kind, name and plugin."""
        return [component for component in self._components if kind in (None, component.kind)]

    def kinds_of(self, name: str) -> set[Kind]:
        """Return the kinds under which a short or long name is registered."""
        return {c.kind for c in self._components if name in (c.name, c.long_name)}

    def find(self, kind: Kind, name: str) -> Component:
        """Return the component of that kind and short or long name.

        Raises UsageError where the name is unknown, or where two plugins register it.
        """
        found = [c for c in self.components(kind) if name in (c.name, c.long_name)]
        if len(found) == 1:
            return found[0]
        asked = f"{kind} {name!r}"
        if found:
            raise UsageError(
                asked,
                f"{len(found)} plugins register that name",
                f"Ask for {' or '.join(component.long_name for component in found)}.",
            )
        elsewhere = " and a ".join(sorted(self.kinds_of(name)))
        known = [c.long_name if "/" in name else c.name for c in self.components(kind)]
        raise UsageError(
            asked,
            f"there is no such {kind}" + (f", but that is the name of a {elsewhere}" if elsewhere else ""),
            " ".join([did_you_mean(name, known), *self._absent(name)]),
        )

    def _absent(self, name: str) -> list[str]:
        """Say which plugins are not there, as one of them may have held the name."""
        plugin = name.rpartition("/")[0]
        absent = [record for record in self.plugins if plugin in ("", record.name)]
        return [
            f"Plugin {record.name} was " + (f"set aside ({record.error})." if record.error else "skipped.")
            for record in absent
            if record.error or record.skipped
        ]

    def owner(self, component: Component) -> PluginRecord | None:
        """Return the record of the plugin a component came from, or None where it was given from Python."""
        return next((r for r in self.plugins if r.name == component.plugin and not r.error), None)

    def target(self, component: Component) -> Any:
        """Return the object at a component's address, importing its module.

        Raises ProbekitError where that fails, for whatever reason.
        """
        if not isinstance(component.target, str):
            return component.target
        module, _, attribute = component.target.partition(":")
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return getattr(importlib.import_module(module), attribute)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            missing = error.name if isinstance(error, ModuleNotFoundError) else None
            lacks = missing and not f"{module}.".startswith(f"{missing}.")
            raise ProbekitError(
                f"{component.kind} {component.name!r} of plugin {component.plugin}",
                f"its address {component.target} cannot be opened ({reason(error)})",
                f"Install {missing}, which the plugin needs."
                if lacks
                else f"Mend the plugin, or leave it out with PROBEKIT_SKIP={component.plugin}.",
            ) from error

    def with_components(self, *components: Component) -> Registry:
        """Return a registry that also holds these, as of the plugin "python".

        Raises UsageError where one kind and name would then stand for two different things.
        """
        given = [c for c in self._components if c.plugin == "python"]
        given += [new for c in components if (new := replace(c, plugin="python")) not in given]
        others = [c for c in self._components if c.plugin != "python"]
        return Registry(
            self._manager, self.plugins, _without_twins(given) + others, self.complaints, self._silenced
        )

    def notify(self, hook: str, **given: Any) -> None:
        """Call one hook of every observer; one that raises is heard no more and named in `complaints`."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            if name in self._silenced:
                continue
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    _call(self._manager, hook, implementation.plugin, given)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._silenced.add(name)
                why = f"its {hook} raised {reason(error)}"
                self.complaints.append(f"plugin {name} is no longer told of runs, as {why}")


@functools.cache
def registry() -> Registry:
    """Return the registry of this process, loaded once."""
    return Registry.load()


def _open(
    manager: pluggy.PluginManager, entry: importlib.metadata.EntryPoint, skip: Collection[str]
) -> tuple[PluginRecord, list[Component]]:
    """Open one entry point: its record, and its components unless it was skipped or had to be set aside."""
    record = PluginRecord(entry.name, entry.value, *_distribution(entry))
    if entry.name in skip:
        return replace(record, skipped=True), []
    start = time.perf_counter()
    plugin = None
    components: list[Component] = []
    try:
        with contextlib.redirect_stdout(sys.stderr):
            plugin = entry.load()
            if manager.has_plugin(entry.name) or manager.is_registered(plugin):
                raise ValueError(f"{entry.value} or another plugin called {entry.name} is already open")
            manager.register(plugin, name=entry.name)
            manager.check_pending()
            if not manager.get_hookcallers(plugin):
                raise TypeError("it implements none of probekit's hooks; is @hookimpl missing?")
            components = _registered(entry.name, _call(manager, "probekit_components", plugin, {}))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if plugin is not None and manager.get_plugin(entry.name) is plugin:
            manager.unregister(plugin)
        record = replace(record, error=reason(error), trace=traceback.format_exc())
    return replace(record, seconds=time.perf_counter() - start, components=len(components)), components


def _call(manager: pluggy.PluginManager, hook: str, plugin: object, given: Mapping[str, Any]) -> Any:
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
    return _without_twins(components)


def _without_twins(components: list[Component]) -> list[Component]:
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


def _distribution(entry: importlib.metadata.EntryPoint) -> tuple[str, str]:
    """Return the name and version of the distribution an entry point belongs to, as far as it says."""
    try:
        return (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
    except (KeyError, TypeError, AttributeError):  # a distribution without METADATA still opens
        return "", ""
