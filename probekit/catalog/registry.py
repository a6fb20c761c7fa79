"""The registry opens every plugin's door, one by one, sets the broken aside and finds components by name."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import pluggy

from probekit import hookspecs
from probekit.catalog.files import in_file, is_file
from probekit.catalog.guest import hidden, hosted
from probekit.catalog.plugins import (
    PluginRecord,
    call_alone,
    entry_points,
    open_plugin,
    records,
    without_twins,
)
from probekit.components import KINDS, Component, Kind
from probekit.errors import ProbekitError, UsageError, did_you_mean, missing, reason

SLOW = 1.0
"""Seconds of opening from which a plugin is called slow."""


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
        complaints: list[str] = []
        components: list[Component] = []
        entries = list(entry_points(complaints))
        plugins, strays = records(entries, skip)
        for place, entry in enumerate(entries):
            plugins[place], found = open_plugin(manager, entry, plugins[place])
            components += found
        known = [record.name for record in plugins]
        complaints += [
            f"PROBEKIT_SKIP names {name!r}, which is no plugin. {did_you_mean(name, known)}"
            for name in strays
        ]
        complaints += [
            f"plugin {record.name} took {record.seconds:.1f} s to open; it should import torch and the like "
            f"only in the modules its components name. Leave it out with PROBEKIT_SKIP={record.name}."
            for record in plugins
            if record.seconds > SLOW
        ]
        return cls(manager, plugins, components, complaints, set())

    @property
    def set_aside(self) -> tuple[PluginRecord, ...]:
        """The plugins that could not be opened."""
        return tuple(record for record in self.plugins if record.error is not None)

    def components(self, kind: Kind | None = None) -> list[Component]:
        """Return all components, or those of one kind, sorted by kind, name and plugin."""
        return [component for component in self._components if kind in (None, component.kind)]

    def kinds_of(self, name: str) -> set[Kind]:
        """Return the kinds under which a short or long name is registered; a file alone is a structure."""
        if is_file(name):
            return {"structure"}
        return {c.kind for c in self._components if name in (c.name, c.long_name)}

    def find(self, kind: Kind, name: str) -> Component:
        """Return the component of that kind and short or long name; a file's name runs the file.

        Raises UsageError where the name is unknown, or where two plugins register it.
        """
        if is_file(name):
            return in_file(kind, name)
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
        kinds: tuple[Kind, ...] = (kind, "layer") if kind == "structure" else (kind,)  # a layer is hosted
        known = [c.long_name if "/" in name else c.name for one in kinds for c in self.components(one)]
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
            with hosted():
                return getattr(importlib.import_module(module), attribute)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            absent = error.name if isinstance(error, ModuleNotFoundError) else None
            own = absent and f"{module}.".startswith(f"{absent}.")
            raise ProbekitError(
                f"{component.kind} {component.name!r} of plugin {component.plugin}",
                f"its address {component.target} cannot be opened ({reason(error)})",
                ("" if own else missing(error))
                or (f"Give the module another name: {said}." if (said := hidden(module)) else "")
                or f"Mend the plugin, or leave it out with PROBEKIT_SKIP={component.plugin}.",
            ) from error

    def with_components(self, *components: Component) -> Registry:
        """Return a registry that also holds these, as of the plugin "python".

        Raises UsageError where one kind and name would then stand for two different things.
        """
        given = [c for c in self._components if c.plugin == "python"]
        given += [new for c in components if (new := replace(c, plugin="python")) not in given]
        others = [c for c in self._components if c.plugin != "python"]
        return Registry(
            self._manager, self.plugins, without_twins(given) + others, self.complaints, self._silenced
        )

    def notify(self, hook: str, **given: Any) -> None:
        """Call one hook of every observer; one that raises is heard no more and named in `complaints`."""
        for implementation in getattr(self._manager.hook, hook).get_hookimpls():
            name = implementation.plugin_name
            if name in self._silenced:
                continue
            try:
                with hosted():
                    call_alone(self._manager, hook, implementation.plugin, given)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._silenced.add(name)
                why = f"its {hook} raised {reason(error)}"
                self.complaints.append(
                    f"plugin {name} is no longer told of runs, as {why}. PROBEKIT_SKIP={name} leaves it out."
                )


@functools.cache
def registry() -> Registry:
    """Return the registry of this process, loaded once."""
    return Registry.load()
